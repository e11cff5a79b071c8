// The score: what was promised and whether it was kept, and how long things took.

import { block, element, explain, setAttribute, setText } from "./dom.js";
import { count, duration, milliseconds } from "./words.js";

const PROMISES = [
  {
    name: "lost",
    kept: "no message lost",
    broken: "lost for good",
    text:
      "Updates of anybody that an instance answered with 200 and that the database does not know when asked twice, " +
      "and presses of the load that it calls finished though Telegram saw no menu.",
  },
  {
    name: "twice",
    kept: "no answer twice",
    broken: "answered twice",
    text:
      "Menus too many: what the people of the load were sent beyond one menu for each press of /start, by what " +
      "Telegram saw.",
  },
];
const COUNTS = [
  {
    name: "accepted",
    label: "accepted",
    whose: "of anybody",
    text: "Updates of anybody that an instance has answered with 200. From then on they must not be lost.",
  },
  {
    name: "answered",
    label: "answered",
    whose: "of the load",
    text: "Presses of /start by the people of the load whose menu has reached Telegram.",
  },
  {
    name: "waiting",
    label: "waiting",
    whose: "of the load",
    text: "Presses of /start by the people of the load that have no menu yet.",
  },
  {
    name: "found_out",
    label: "found out",
    whose: "of anybody",
    text: "Sends that were cut off, so that nobody knew whether they had arrived, until an instance found out.",
  },
];
const PERCENTILES = "Of the last minute: half were as quick as p50, 99 of 100 as quick as p99.";
const LATENCIES = [
  {
    name: "ack",
    label: "Until accepted",
    text: `From the moment Telegram passes an update on until an instance has answered 200. ${PERCENTILES}`,
  },
  { name: "menu", label: "Until the menu", text: `From pressing /start until Telegram has the menu. ${PERCENTILES}` },
];
const HANDOVER =
  "The last time that another instance began to lead: from the last call of the old leader to Telegram, or the " +
  "moment at which it was killed or frozen, to the first call of the new one.";

export class Score {
  constructor({ verdict, figures }, actions) {
    this.causes = new Map(actions.map((action) => [action.name, cause(action)]));
    this.promises = PROMISES.map((about) => new Verdict(about));
    this.counts = COUNTS.map(({ name, label, whose, text }) => ({ name, ...figure(label, whose, text) }));
    this.latencies = LATENCIES.map(({ name, label, text }) => ({ name, ...row(label, text) }));
    this.handover = row("Last handover", HANDOVER, "ago");
    const rows = [...this.latencies, this.handover].map(({ root }) => root);
    verdict.append(...this.promises.map(({ root }) => root));
    figures.append(block("counts", ...this.counts.map(({ root }) => root)), block("latencies", heads(), ...rows));
  }

  show({ score, now }) {
    for (const promise of this.promises) promise.show(score[promise.name]);
    for (const { name, value } of this.counts) setText(value, count(score[name]));
    for (const { name, first, second } of this.latencies) {
      setText(first, milliseconds(score[`${name}_p50_ms`]));
      setText(second, milliseconds(score[`${name}_p99_ms`]));
    }
    const { handover } = score;
    setText(this.handover.first, milliseconds(handover?.gap_ms ?? null));
    setText(this.handover.second, handover ? `${duration(now - handover.at)} ago` : "");
    setText(this.handover.note, handover ? (this.causes.get(handover.action) ?? "by itself") : "none yet");
  }
}

/** An action in words; with whom it is done to, where that is not an instance. */
function cause({ label, target }) {
  if (target === "system" || target === "instance") return label;
  return `${target[0].toUpperCase()}${target.slice(1)}: ${label.toLowerCase()}`;
}

class Verdict {
  constructor({ name, kept, broken, text }) {
    Object.assign(this, { name, kept, broken });
    this.value = element("span", { class: "number" });
    this.mark = element("span", { class: "sign", "aria-hidden": "true" });
    this.says = element("span");
    this.root = element("div", { class: "promise", role: "group", "aria-label": name, tabindex: "0" });
    this.root.append(
      element("span", { class: "name", text: name }),
      this.value,
      element("span", { class: "says" }, this.mark, this.says),
    );
    explain(this.root, text);
  }

  show(value) {
    setAttribute(this.root, "data-broken", value > 0);
    setText(this.value, count(value));
    setText(this.mark, value > 0 ? "✕" : "✓");
    setText(this.says, value > 0 ? this.broken : this.kept);
  }
}

function heads() {
  const texts = ["", "p50", "p99"];
  const names = texts.map((text) => element("span", { text }));
  return element("div", { class: "latency-head", "aria-hidden": "true" }, ...names);
}

function figure(label, whose, text) {
  const value = element("span", { class: "value" });
  const root = element("div", { class: "figure", role: "group", "aria-label": label, tabindex: "0" });
  root.append(value, element("span", { class: "name", text: label }), element("span", { class: "whose", text: whose }));
  return { root: explain(root, text), value };
}

function row(label, text, secondClass = "value") {
  const note = element("span", { class: "because" });
  const [first, second] = [element("span", { class: "value" }), element("span", { class: secondClass })];
  const root = element("div", { class: "latency", role: "group", "aria-label": label, tabindex: "0" });
  root.append(element("span", { class: "name" }, element("span", { text: label }), note), first, second);
  return { root: explain(root, text), note, first, second };
}
