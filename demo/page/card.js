// The card of one instance: where it is in its life, what it can reach, and what can be done to it.

import { Diagram } from "./diagram.js";
import { block, element, explain, group, setAttribute, setShare, setText } from "./dom.js";
import { actionButton } from "./server.js";
import { count, duration, secondsLeft } from "./words.js";

const LEASE = 3; // seconds, the service's default; the bar is full at this or at the longest that was seen
const MARKS = { BOOT: "◌", PASSIVE: "○", ACTIVE: "●", DRAINING: "◐", ENDED: "✕" };
const DOES = {
  BOOT: "starting",
  PASSIVE: "stands by",
  ACTIVE: "leads",
  DRAINING: "finishes what it began",
  ENDED: "ended",
};

export class InstanceCard {
  constructor(name, { actions, states, start }) {
    const action = (wanted) => actions.find((each) => each.name === wanted);
    const others = actions.filter((each) => !each.name.startsWith("cut_"));
    this.mark = element("span", { class: "sign", "aria-hidden": "true" });
    this.state = element("span");
    this.pid = element("span");
    this.ops = element("a", { target: "_blank", rel: "noopener", text: "ops page" });
    this.way = element("span", {}, " · ", this.ops);
    this.process = element("p", { class: "process" }, this.pid, this.way);
    this.diagram = new Diagram(states);
    this.condition = element("p", { class: "condition" });
    this.postgres = link("Postgres", cutButton(action("cut_postgres"), name));
    this.botApi = link("Bot API", cutButton(action("cut_bot_api"), name));
    this.ended = element("p", { class: "ended-how" });
    this.restart = actionButton(start, { label: "Start another", kind: "main" });
    const links = block("links", this.postgres.root, this.botApi.root);
    const buttons = group(`Do to ${name}`, ...others.map((each) => actionButton(each, { instance: () => name })));
    this.alive = block("alive", this.condition, this.#facts(), links, buttons);
    const stack = block("stack", this.alive, block("dead", this.ended, this.restart));
    this.root = element("article", { class: "card instance", "aria-label": `Instance ${name}`, tabindex: "-1" });
    this.root.append(this.#head(name), this.process, this.diagram.root, stack);
  }

  #head(name) {
    const badge = element("p", { class: "state-badge" }, this.mark, this.state);
    return block("card-head", element("h3", { text: name, title: name }), badge);
  }

  #facts() {
    this.longestLease = LEASE;
    this.epoch = fact("Epoch", "Counts who has led: each new leader takes the next number.");
    this.lease = fact("Lease", "How long it may still act as the leader, unless it renews its lease.");
    this.queue = fact("Queue", "Updates that it has in memory to work on.");
    this.bar = element("span", { class: "gauge-fill" });
    this.lease.root.append(element("span", { class: "gauge", "aria-hidden": "true" }, this.bar));
    return block("facts", this.epoch.root, this.lease.root, this.queue.root);
  }

  show(view, now) {
    const { root } = this;
    setAttribute(root, "data-state", view.state);
    setAttribute(root, "data-frozen", view.frozen_for > 0);
    setText(this.mark, MARKS[view.state] ?? "?");
    setText(this.state, view.state);
    setText(this.pid, `pid ${view.pid}`);
    setAttribute(this.way, "hidden", view.state === "ENDED");
    setAttribute(this.ops, "href", `${view.address}/ops`);
    setAttribute(this.ops, "title", view.address);
    this.diagram.show(view.state);
    setText(this.condition, condition(view, now));
    setText(this.ended, `It ${view.ended || "has ended"}.`);
    this.#showFacts(view);
    this.#keepFocus(view.state);
    this.postgres.show(view.no_postgres_for);
    this.botApi.show(view.no_bot_api_for);
  }

  /** The buttons of who is alive go away when it dies: who has pressed one of them is led on. */
  #keepFocus(state) {
    const focused = document.activeElement;
    if (state === "ENDED" && (focused === this.ops || this.alive.contains(focused))) this.restart.focus();
  }

  #showFacts({ epoch, lease_left: lease, waiting }) {
    this.longestLease = Math.max(this.longestLease, lease ?? 0);
    setText(this.epoch.value, count(epoch));
    setText(this.lease.value, lease === null ? "–" : `${lease.toFixed(1)} s`);
    setShare(this.bar, (lease ?? 0) / this.longestLease);
    setText(this.queue.value, count(waiting));
  }
}

function condition({ state, since, frozen_for: frozen }, now) {
  if (frozen > 0) return `Frozen: wakes in ${secondsLeft(frozen)}`;
  return `${DOES[state] ?? state} for ${duration(now - since)}`;
}

/** "Cut" is enough to read beside what is cut; to who hears the page it has its whole label. */
function cutButton(action, name) {
  const node = actionButton(action, { label: "Cut", kind: "small", instance: () => name });
  node.ariaLabel = action.label;
  return node;
}

function fact(name, text) {
  const value = element("span", { class: "value" });
  const root = element("div", { class: "fact", role: "group", "aria-label": name, tabindex: "0" });
  root.append(element("span", { class: "name", text: name }), value);
  return { root: explain(root, text), value };
}

/** Whether it reaches something, and the button that cuts it off; `show` is told for how many seconds it is cut. */
function link(name, button) {
  const mark = element("span", { class: "sign", "aria-hidden": "true" });
  const value = element("span", { class: "value" });
  const root = element("div", { class: "link" }, mark, element("span", { class: "name", text: name }), value, button);
  const show = (cut) => {
    setAttribute(root, "data-cut", cut > 0);
    setText(mark, cut > 0 ? "✕" : "✓");
    setText(value, cut > 0 ? `cut, ${secondsLeft(cut)}` : "in reach");
  };
  return { root, show };
}
