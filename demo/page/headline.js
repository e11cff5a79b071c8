// The score and the instances in one line, for windows too narrow to show all parts side by side.

import { element, keepChildren, setAttribute, setText } from "./dom.js";

const PROMISES = ["lost", "twice"];

export class Headline {
  constructor(root) {
    this.promises = PROMISES.map((name) => ({ name, node: element("span", { class: "pill" }) }));
    this.instances = element("span", { class: "pills" });
    this.pills = new Map();
    root.append(...this.promises.map(({ node }) => node), this.instances);
  }

  show({ score, instances }) {
    for (const { name, node } of this.promises) {
      setAttribute(node, "data-mood", score[name] > 0 ? "bad" : "good");
      setText(node, `${score[name] > 0 ? "✕" : "✓"} ${name} ${score[name]}`);
    }
    const running = new Map(instances.filter(({ state }) => state !== "ENDED").map((view) => [view.name, view]));
    const keys = running.size ? [...running.keys()] : [""];
    keepChildren(this.instances, this.pills, keys, () => ({ root: element("span", { class: "pill" }) }));
    for (const [name, { root }] of this.pills) showPill(root, running.get(name));
  }
}

function showPill(node, view) {
  setAttribute(node, "data-mood", moodOf(view));
  setText(node, view ? `${view.name} ${view.frozen_for > 0 ? "frozen" : view.state}` : "nobody alive");
}

function moodOf(view) {
  if (!view) return "bad";
  if (view.frozen_for > 0) return "warn";
  return view.state === "ACTIVE" ? "lead" : null;
}
