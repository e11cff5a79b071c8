// The page: what the stream tells goes to its parts, and each part shows what it is told.

import { Backends } from "./backends.js";
import { Headline } from "./headline.js";
import { Instances } from "./instances.js";
import { Load } from "./load.js";
import { Logs } from "./logs.js";
import { News } from "./news.js";
import { Plots } from "./plots.js";
import { Score } from "./score.js";
import { actionButton, get, onRefusal, setReachable } from "./server.js";
import { Stream } from "./stream.js";
import { makeTabs } from "./tabs.js";
import { showTips } from "./tip.js";
import { Tour } from "./tour.js";

const LOST = "The demo has ended or cannot be reached. This page connects again by itself.";
const RETRY = 1000; // milliseconds

const byId = (id) => document.getElementById(id);
const news = new News(byId("news"), byId("announcer"));

onRefusal(news.refused);
showTips(byId("tip"));
start();

async function start() {
  showMessenger();
  const logs = new Logs(byId("logs"), byId("log-toggle"));
  makeTabs(byId("tabs"), () => !byId("logs").hidden && logs.close());
  const [actions, states] = await known();
  const parts = makeParts(actions, states);
  const plots = new Plots(byId("plots"));
  new Stream("/demo/stream", {
    opened: () => logs.clear(),
    lost: () => showReached(false),
    log: (lines) => logs.show(lines),
    plots: (drawn) => plots.show(drawn),
    system: (view) => {
      showReached(true);
      for (const part of parts) part.show(view);
    },
  });
}

/** What can be done, and what states there are; asked for until the server tells. */
async function known() {
  try {
    return await Promise.all([get("/demo/actions"), get("/demo/states")]);
  } catch {
    showReached(false);
    await new Promise((resolve) => setTimeout(resolve, RETRY));
    return known();
  }
}

function makeParts(actions, states) {
  const of = (target) => actions.filter((action) => action.target === target);
  const start = actions.find(({ name }) => name === "start");
  byId("system-actions").append(...of("system").map((action) => actionButton(action)));
  const nodes = { cards: byId("instances"), nobody: byId("nobody"), ended: byId("ended") };
  return [
    news,
    new Headline(byId("headline")),
    new Tour(byId("tour"), news.announce),
    new Instances(nodes, { actions: of("instance"), states, start }, news.announce),
    new Backends(byId("backends"), actions),
    new Score({ verdict: byId("verdict"), figures: byId("figures") }, actions),
    new Load(byId("load")),
  ];
}

async function showMessenger() {
  try {
    const { Messenger } = await import("/page/messenger.js");
    new Messenger(byId("messenger"));
  } catch (problem) {
    byId("messenger").textContent = `The messenger cannot be shown: ${problem.message}`;
  }
}

function showReached(reached) {
  const banner = byId("lost-stream");
  if (banner.hidden === reached) return;
  banner.hidden = reached;
  banner.textContent = reached ? "" : LOST;
  document.body.toggleAttribute("data-lost", !reached);
  setReachable(reached);
}
