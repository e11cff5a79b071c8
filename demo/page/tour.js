// The tour: numbered steps, what the one that runs is doing, and with which sentence and figures it ended.

import { block, element, explain, keepChildren, setAttribute, setText } from "./dom.js";
import { button, post, setOff } from "./server.js";
import { measured } from "./words.js";

const INTRO =
  "Begin with step 1. Each step does something to a running bot, watches what becomes of it, and ends with what was " +
  "measured just now. Or break whatever you like, in any order.";
const STATES = { ready: "not begun yet", running: "under way", done: "done", failed: "failed" };
const PEEK = 44; // pixels
const MARKS = { running: "", done: "✓", failed: "✕" };

export class Tour {
  constructor(root, announce) {
    this.announce = announce;
    this.steps = new Map();
    this.list = element("ol", { class: "steps" });
    this.name = element("b");
    this.words = element("span");
    this.figures = element("ul", { class: "measured", "aria-label": "Measured just now" });
    this.outcome = block("outcome", element("p", { class: "sentence" }, this.name, this.words), this.figures);
    root.append(this.list, this.outcome);
  }

  show({ tour }) {
    this.views = tour;
    this.latest ??= tour.findLast(({ sentence }) => sentence)?.name;
    const running = tour.find(({ state }) => state === "running");
    const next = running ? undefined : tour.find(({ state }) => state === "ready");
    keepChildren(this.list, this.steps, tour.map(({ name }) => name), (name) => this.#step(name));
    tour.forEach((view, place) => this.#showStep(view, place + 1, { running, next }));
    this.#bringIntoView((running ?? next)?.name);
    this.#showOutcome();
  }

  /** Where the steps do not all fit: the one that runs or comes next is seen, with a bit of the one before. */
  #bringIntoView(name) {
    if (name === undefined || name === this.inView) return;
    this.inView = name;
    this.list.scrollLeft = this.steps.get(name).root.offsetLeft - PEEK;
  }

  #step(name) {
    const about = this.views.find((view) => view.name === name);
    const step = new StepButton(about);
    const look = (looked) => {
      this.looked = looked;
      this.#showOutcome();
    };
    step.root.addEventListener("pointerenter", () => look(name));
    step.root.addEventListener("pointerleave", () => look(null));
    step.root.addEventListener("focusin", () => look(name));
    step.root.addEventListener("focusout", () => look(null));
    return step;
  }

  #showStep(view, number, { running, next }) {
    const step = this.steps.get(view.name);
    if (step.state === "running" && view.sentence) this.announce(`${view.title}: ${view.sentence}`);
    if (view.state === "running" || (step.state === "running" && step.state !== view.state)) this.latest = view.name;
    step.show(view, { number, next: view === next, off: running !== undefined });
  }

  #showOutcome() {
    const named = (name) => this.views.find((view) => view.name === name);
    const view = named(this.looked) ?? named(this.latest);
    setAttribute(this.outcome, "data-state", view?.state ?? null);
    setText(this.name, view ? view.title : "");
    setText(this.words, view ? words(view) : INTRO);
    this.#showFigures(view?.state === "running" ? [] : (view?.figures ?? []));
  }

  #showFigures(figures) {
    const shown = JSON.stringify(figures);
    if (shown === this.shown) return;
    this.shown = shown;
    this.figures.replaceChildren(...figures.map((figure) => {
      return element("li", {}, element("b", { text: measured(figure) }), element("span", { text: figure.label }));
    }));
    this.figures.hidden = figures.length === 0;
  }
}

class StepButton {
  constructor({ name, title, text }) {
    this.number = element("span", { class: "step-number", "aria-hidden": "true" });
    this.says = element("span", { class: "unseen" });
    this.button = button(title, { kind: "step", press: () => post("/demo/tour", { step: name }) });
    this.button.prepend(this.number);
    this.button.append(this.says);
    explain(this.button, text);
    delete this.button.dataset.tip; // The line below shows the same.
    this.root = element("li", {}, this.button);
  }

  show({ state }, { number, next, off }) {
    this.state = state;
    setAttribute(this.button, "data-state", state);
    setAttribute(this.button, "data-next", next);
    setOff(this.button, off);
    setText(this.number, MARKS[state] ?? String(number));
    setText(this.says, ` (${STATES[state] ?? state})`);
  }
}

function words({ state, text, doing, sentence }) {
  if (state === "running") return doing || "begins …";
  return sentence || text;
}
