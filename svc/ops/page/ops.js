// The page: what the stream tells goes to its parts, and each part shows what it is told.

import { Acts } from "./acts.js";
import { get, onSignedOut } from "./api.js";
import { Controls } from "./controls.js";
import { Dead } from "./dead.js";
import { Head } from "./head.js";
import { Numbers } from "./numbers.js";
import { Plots } from "./plots.js";
import { Search } from "./search.js";
import { States } from "./states.js";
import { Stream } from "./stream.js";
import { Surroundings } from "./surroundings.js";
import { Timeline } from "./timeline.js";
import { showTips } from "./tip.js";

const RETRY = 1000; // milliseconds
const ACTS_EVERY = 10_000;

const byId = (id) => document.getElementById(id);
const head = new Head(byId);

showTips(byId("tip"));
start();

async function start() {
  const stream = new Stream({ overview, plots, lost: () => head.lost() });
  onSignedOut(() => {
    stream.end();
    head.signedOut();
  });
  const acts = new Acts(byId("acts"));
  const search = new Search({ form: byId("search"), text: byId("search-text"), found: byId("found") });
  const parts = [
    head,
    new States(byId("states"), await states()),
    new Numbers(byId("numbers")),
    new Surroundings({ jobs: byId("jobs"), database: byId("database"), telegram: byId("telegram") }),
    new Controls({ buttons: byId("controls"), said: byId("acted") }),
    new Dead(byId, () => acts.look()),
  ];
  const timelineParts = { place: byId("timeline"), list: byId("timeline-list"), windows: byId("windows") };
  const drawn = new Plots(byId("plots"));
  const timeline = new Timeline(timelineParts, (hours) => stream.show(hours));
  let acted = -Infinity;

  function overview(view) {
    for (const part of parts) part.show(view);
    search.refresh();
    if (performance.now() - acted < ACTS_EVERY) return;
    acted = performance.now();
    acts.look();
  }

  function plots(svgs) {
    const { timeline: wide, timeline_narrow: narrow, ...lines } = svgs;
    timeline.show({ timeline: wide, timeline_narrow: narrow });
    drawn.show(lines);
  }
}

/** What states and steps there are; asked for until the server tells. Without a login nothing is. */
async function states() {
  try {
    return await get("/ops/states");
  } catch (problem) {
    if (problem.status === 401) return { states: [], edges: [] };
    head.lost();
    await new Promise((resolve) => setTimeout(resolve, RETRY));
    return states();
  }
}
