// The states, the steps between them, and each instance as a chip on the state it is in.

import { block, element, explain, keepChildren, setAttribute, setText } from "./dom.js";
import { age, cause } from "./words.js";

const LOST = 5; // seconds without a heartbeat
const MOVES = 350; // milliseconds
const MEANS = { BOOT: "starts", PASSIVE: "stands by", ACTIVE: "leads", DRAINING: "finishes" };

export class States {
  constructor(root, { states, edges }) {
    this.places = new Map(states.map((state) => [state, chips(state)]));
    this.chips = new Map();
    root.append(...states.map((state) => this.#column(state, edges.filter(({ source }) => source === state))));
  }

  #column(state, steps) {
    const head = block("state-head", element("h3", { text: state }), element("span", { text: MEANS[state] ?? "" }));
    const list = element("ul", { class: "steps" }, ...steps.map(step));
    return element("li", { class: "state", "data-state": state }, head, this.places.get(state), list);
  }

  show({ instances }) {
    const known = new Map((instances ?? []).map((view) => [view.name, view]));
    const before = new Map([...this.chips].map(([name, chip]) => [name, chip.root.getBoundingClientRect()]));
    for (const [state, place] of this.places) {
      const here = [...known.values()].filter((view) => view.state === state).map(({ name }) => name);
      keepChildren(place, new Map(this.#chipsIn(place)), here, (name) => this.#chip(name));
    }
    this.#forget(known);
    for (const [name, chip] of this.chips) chip.show(known.get(name));
    for (const [name, place] of before) this.chips.has(name) && slide(this.chips.get(name).root, place);
  }

  /** Chips that stand in `place` and have not moved on; one that has is taken over by the place that it moves to. */
  #chipsIn(place) {
    return [...this.chips].filter(([, chip]) => chip.root.parentElement === place);
  }

  #chip(name) {
    if (!this.chips.has(name)) this.chips.set(name, new Chip(name));
    return this.chips.get(name);
  }

  #forget(known) {
    for (const name of this.chips.keys()) if (!known.has(name)) this.chips.delete(name);
  }
}

function chips(state) {
  return element("ul", { class: "chips", "aria-label": `In ${state}` });
}

function step({ target, trigger, meaning }) {
  const item = element("li", { tabindex: "0" }, element("b", { text: trigger }), ` → ${target}`);
  return explain(item, meaning);
}

class Chip {
  constructor(name) {
    this.name = element("b", { text: name, title: name });
    this.says = element("span", { class: "chip-says" });
    this.reach = element("span", { class: "chip-reach" });
    this.root = element("li", { class: "chip", "data-instance": name }, this.name, this.says, this.reach);
  }

  show(view) {
    const lost = view.heard_seconds > LOST;
    setAttribute(this.root, "data-lost", lost);
    setText(this.says, lost ? `not heard of for ${age(view.heard_seconds)}` : `for ${age(view.state_seconds)}`);
    setAttribute(this.reach, "data-cut", view.reaches === false);
    setText(this.reach, reach(view));
  }
}

function reach({ reaches, reach_error: error }) {
  if (reaches === null) return "Telegram not tried yet";
  return reaches ? "reaches Telegram" : `cannot reach Telegram: ${cause(error)}`;
}

/** Move a node from where it was to where it is now. */
function slide(node, from) {
  const to = node.getBoundingClientRect();
  const [x, y] = [from.left - to.left, from.top - to.top];
  if ((!x && !y) || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const places = [{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }];
  node.animate(places, { duration: MOVES, easing: "ease" });
}
