// Counts and latencies of the last minute, and what waits now.

import { block, element, explain, setAttribute, setText } from "./dom.js";
import { age, count, duration, milliseconds, NONE } from "./words.js";

// Each is [label, what it means, its value from the overview, whether that is something to look at].
const NOW = [
  ["waiting", "Updates that are stored and not finished", (v) => count(v.inbox.count, v.inbox.exact)],
  ["oldest", "How long the oldest of them has waited", (v) => age(v.oldest_seconds), (v) => v.oldest_seconds > 10],
  ["in doubt", "It is not known whether the answer arrived", (v) => count(v.in_doubt), (v) => v.in_doubt > 0],
  ["dead", "Given up: whoever wrote got no answer", (v) => count(v.dead.count, v.dead.exact), (v) => v.dead.count > 0],
];
const LATENCIES = [
  ["time to accept", "From the arrival of an update until Telegram was told that it is stored", "ack"],
  ["time to the menu", "From the arrival of a /start until its answer was sent", "menu"],
];
const COUNTS = [
  ["accepted", "Stored for the first time"],
  ["done", "Answered"],
  ["ignored", "Nothing to answer"],
  ["refused", "Telegram refused the answer: a chat that is gone, a bot that is blocked"],
  ["retried", "Tried once more"],
  ["duplicates", "Delivered once more by Telegram, and not answered again"],
  ["found", "Were in doubt, and found in the chat"],
  ["in_doubt", "It is not known whether the answer arrived"],
  ["dead", "Given up"],
  ["not_stored", "Could not be stored, so Telegram delivers them again"],
];
const ANSWERS = [
  ["ok", "Done by Telegram"],
  ["refused", "Refused by Telegram for good"],
  ["flood", "Too many requests: Telegram asked to wait before the next call"],
  ["not_sent", "Telegram was not reached"],
  ["in_doubt", "No answer came: it is not known whether it was done"],
];
const WORRYING = new Set(["dead", "not_stored", "in_doubt", "flood", "not_sent"]);

export class Numbers {
  constructor(root) {
    this.now = NOW.map(([label, text, value, odd = () => false]) => ({ ...figure(label, text), value, odd }));
    this.since = element("h3");
    this.counts = COUNTS.map(([name, text]) => ({ ...row(named(name), text), name }));
    this.answers = ANSWERS.map(([name, text]) => ({ ...row(name === "flood" ? "429" : named(name), text), name }));
    this.latencies = LATENCIES.map(([label, text, name]) => ({ ...row(label, text), name }));
    this.flood = row("waits asked for", "How long Telegram asked to wait, in all its answers of 429");
    root.append(
      group("Now", "now", this.now),
      group("Latencies, p50 · p99", "latencies", this.latencies),
      group("", "counts", this.counts, this.since),
      group("Bot API answers", "answers", [...this.answers, this.flood]),
    );
  }

  show(view) {
    const { traffic } = view;
    for (const { root, shown, value, odd } of this.now) fill({ root, shown }, value(view), odd(view));
    const { seconds } = traffic;
    setText(this.since, seconds ? `In the last ${duration(seconds)}` : "Of the last minute nothing is known");
    for (const part of this.counts) fillCount(part, traffic.counts);
    for (const part of this.answers) fillCount(part, traffic.answers);
    for (const { shown, name } of this.latencies) {
      setText(shown, latency(traffic[`${name}_p50`], traffic[`${name}_p99`]));
    }
    const { flood_pauses: pauses, flood_seconds: asked } = traffic;
    fill(this.flood, pauses ? duration(asked) : NONE, pauses > 0);
  }
}

function fillCount(part, counts) {
  const value = counts[part.name] ?? 0;
  fill(part, count(value), value > 0 && WORRYING.has(part.name));
}

function fill({ root, shown }, text, odd) {
  setText(shown, text);
  setAttribute(root, "data-odd", odd);
}

function latency(p50, p99) {
  return p50 === null ? NONE : `${milliseconds(p50)} · ${milliseconds(p99)}`;
}

function named(name) {
  return name.replaceAll("_", " ");
}

function group(title, name, parts, head = element("h3", { text: title })) {
  return element("div", { class: `group group-${name}` }, head, block("rows", ...parts.map(({ root }) => root)));
}

function figure(label, text) {
  const shown = element("span", { class: "value" });
  const root = element("div", { class: "figure", role: "group", "aria-label": label, tabindex: "0" });
  root.append(shown, element("span", { class: "name", text: label }));
  return { root: explain(root, text), shown };
}

function row(label, text) {
  const shown = element("span", { class: "value" });
  const root = element("div", { class: "row", role: "group", "aria-label": label, tabindex: "0" });
  root.append(element("span", { class: "name", text: label }), shown);
  return { root: explain(root, text), shown };
}
