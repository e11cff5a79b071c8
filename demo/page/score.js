// The score: what was promised and whether it was kept, and how long things took.

import { element, explain, setAttribute, setText } from "./dom.js";
import { count, duration, milliseconds } from "./words.js";

const PROMISES = [
  {
    name: "lost",
    kept: "no message lost",
    broken: "messages lost",
    text: "Updates that an instance has answered with 200, that are not in the database's inbox, and to which nobody was given an answer.",
  },
  {
    name: "twice",
    kept: "no answer twice",
    broken: "answered twice",
    text: "Presses of /start that were answered with more than one menu, by what the stand-in for Telegram was sent.",
  },
];
const COUNTS = [
  ["accepted", "accepted", "Updates that an instance has answered with 200. From then on they must be answered, once."],
  ["answered", "answered", "Presses of /start whose menu has reached Telegram."],
  ["waiting", "waiting", "Presses of /start that have no menu yet."],
  ["found_out", "found out", "Sends that were cut off, so that nobody knew whether they had arrived, until an instance found out."],
];
const LATENCIES = [
  ["ack", "Until accepted", "From the moment Telegram passes an update on until an instance answers 200. Of the last minute: half were as quick as p50, 99 of 100 as quick as p99."],
  ["menu", "Until the menu", "From pressing /start until Telegram has the menu. Of the last minute: half were as quick as p50, 99 of 100 as quick as p99."],
];
const HANDOVER =
  "The last time that another instance began to lead: from the last call of the old leader to Telegram, or the moment at which it was killed or frozen, to the first call of the new one.";

export class Score {
  constructor({ verdict, figures }) {
    this.promises = PROMISES.map((about) => new Verdict(about));
    this.counts = COUNTS.map(([name, label, text]) => ({ name, ...figure(label, text) }));
    this.latencies = LATENCIES.map(([name, label, text]) => ({ name, ...row(label, text) }));
    this.handover = row("Last handover", HANDOVER, "ago");
    verdict.append(...this.promises.map(({ root }) => root));
    figures.append(
      element("div", { class: "counts" }, ...this.counts.map(({ root }) => root)),
      element(
        "div",
        { class: "latencies" },
        element("div", { class: "latency-head", "aria-hidden": "true" }, element("span"), element("span", { text: "p50" }), element("span", { text: "p99" })),
        ...this.latencies.map(({ root }) => root),
        this.handover.root,
      ),
    );
  }

  show({ score, now }, labels) {
    for (const promise of this.promises) promise.show(score[promise.name]);
    for (const { name, value } of this.counts) setText(value, count(score[name]));
    for (const { name, first, second } of this.latencies) {
      setText(first, milliseconds(score[`${name}_p50_ms`]));
      setText(second, milliseconds(score[`${name}_p99_ms`]));
    }
    const { handover } = score;
    setText(this.handover.first, milliseconds(handover?.gap_ms ?? null));
    setText(this.handover.second, handover ? `${duration(now - handover.at)} ago` : "");
    setText(this.handover.note, handover ? (labels.get(handover.action) ?? handover.action) : "");
  }
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

function figure(label, text) {
  const value = element("span", { class: "value" });
  const root = element("div", { class: "figure", role: "group", "aria-label": label, tabindex: "0" });
  root.append(value, element("span", { class: "name", text: label }));
  return { root: explain(root, text), value };
}

function row(label, text, secondClass = "value") {
  const note = element("span", { class: "because" });
  const [first, second] = [element("span", { class: "value" }), element("span", { class: secondClass })];
  const root = element("div", { class: "latency", role: "group", "aria-label": label, tabindex: "0" });
  root.append(element("span", { class: "name" }, element("span", { text: label }), note), first, second);
  return { root: explain(root, text), note, first, second };
}
