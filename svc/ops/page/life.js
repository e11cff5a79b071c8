// The life of an update or of a job, from its arrival to its end, as a waterfall.

import { confirm } from "./confirm.js";
import { block, element, svg } from "./dom.js";
import { link } from "./tables.js";
import { duration, moment, NONE } from "./words.js";

const SCALE = 1000; // units over the whole life
const THINNEST = 5;
const SOON = 0.0005; // seconds
const LIVE = new Set(["pending", "processing", "in_doubt"]);
const LIVE_JOBS = new Set(["wanted", "submitting", "running", "ready"]);
const CANCELLABLE = new Set(["wanted", "submitting", "running"]);
const MOODS = {
  ok: "good",
  delivered: "good",
  done: "good",
  found: "good",
  refused: "bad",
  dead: "bad",
  not_sent: "warn",
  in_doubt: "warn",
};

/** What a LifeView tells, for a Life. */
export function updateFacts(view) {
  const goesOn = LIVE.has(view.state);
  const facts = [
    ["State", view.state],
    ["Chat", link("chat", view.chat_id)],
    ["Kind", view.kind],
    ["Received", `${moment(view.received_at)}, by ${view.received_by}`],
    ["Tries", String(view.attempts)],
    ["Doubts", String(view.doubts)],
  ];
  if (view.note !== null && view.note !== view.state) facts.push(["Note", view.note]);
  if (view.job_id !== null) facts.push(["Job", link("job", view.job_id)]);
  return { ...view, title: `Update ${view.update_id}`, facts, goesOn, since: view.received_at };
}

/** What a JobView tells, for a Life. */
export function jobFacts({ job, task_id: task, attempts, polls, input, spans }) {
  const facts = [
    ["State", job.state],
    ["Chat", link("chat", job.chat_id)],
    ["Person", link("person", job.user_id)],
    ["Model", `${job.model} at ${job.provider}`],
    ["Asked for", moment(job.created_at)],
    ["Its name there", task ?? NONE],
    ["Tries, looks", `${attempts}, ${polls}`],
    ["Error", job.error ?? NONE],
  ];
  const goesOn = LIVE_JOBS.has(job.state);
  const cancels = CANCELLABLE.has(job.state) ? job.job_id : null;
  const title = `Job ${job.job_id}`;
  return { title, facts, goesOn, since: job.created_at, spans, blocked_by: null, payload: input, cancels };
}

export class Life {
  /** `cancels` is the job that can be cancelled here, if there is one. */
  constructor({ title, facts, goesOn, since, spans, blocked_by: blocked, payload, cancels = null }) {
    this.root = element("article", { class: "life", "aria-label": title });
    this.root.append(element("h3", { text: title }));
    if (blocked) this.root.append(blockedBy(blocked));
    this.root.append(factList(facts), waterfall(spans, goesOn ? (Date.now() - Date.parse(since)) / 1000 : 0));
    if (cancels !== null) this.root.append(cancelling(cancels));
    if (payload !== null) this.root.append(payloadBlock(payload));
  }
}

function blockedBy({ why, update_id: id, until }) {
  const words = element("p", { class: "blocked" }, element("b", { text: "Waits: " }), `${why}.`);
  if (id !== null) words.append(" ", link("update", id, `Show update ${id}`), ".");
  if (until !== null) words.append(` Until ${moment(until)}.`);
  return words;
}

function factList(facts) {
  return element("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => {
    const told = element("dd");
    told.append(value);
    return [element("dt", { text: name }), told];
  }));
}

function waterfall(spans, now) {
  const total = Math.max(now, ...spans.map(({ start, end }) => end ?? start), 0.001);
  const axis = block("waterfall-axis", element("span", { text: "0" }), element("span", { text: duration(total) }));
  axis.ariaHidden = "true";
  return block("waterfall-box", axis, element("ol", { class: "waterfall" }, ...spans.map((span) => row(span, total))));
}

function row(span, total) {
  const { kind, label, start, end, level, outcome, detail, at } = span;
  const words = block("span-words", element("b", { text: label }));
  if (outcome) words.append(badge(outcome));
  if (detail) words.append(element("span", { class: "detail", text: detail }));
  const took = end === null ? "goes on" : end > start ? duration(end - start) : "";
  const [since, length] = [start >= SOON ? `+ ${duration(start)}` : "", took].map((text) => element("span", { text }));
  const time = element("div", { class: "span-time", title: at ? moment(at) : null }, since, length);
  const place = { class: "span", "data-kind": kind, "data-level": Math.min(level, 3) };
  return element("li", place, words, bar(span, total), time);
}

function badge(outcome) {
  return element("span", { class: "outcome", "data-mood": MOODS[outcome] ?? "", text: outcome.replaceAll("_", " ") });
}

function bar({ start, end, outcome, kind }, total) {
  const x = Math.min((start / total) * SCALE, SCALE - THINNEST);
  const width = Math.max((((end ?? total) - start) / total) * SCALE, THINNEST);
  const box = { viewBox: `0 0 ${SCALE} 10`, preserveAspectRatio: "none" };
  const track = { class: "span-bar", "aria-hidden": "true", ...box };
  const mood = MOODS[outcome] ?? (kind === "waiting" ? "idle" : "");
  const place = { x: x.toFixed(1), width: width.toFixed(1), y: 1, height: 8, "data-mood": mood };
  return svg("svg", track, svg("rect", place));
}

function cancelling(job) {
  const said = element("p", { class: "acted", role: "status" });
  const ask = () => confirm({
    title: `Cancel job ${job}?`,
    consequences: [
      "Nothing more is done for it, and whoever asked for it is told so.",
      "The provider may make it all the same, and ask for its price.",
    ],
    confirm: "Cancel the job",
    dangerous: true,
    wanted: () => ({ action: "cancel_job", job_id: job }),
    done: (sentence) => { said.textContent = sentence; },
  });
  const kind = { type: "button", class: "button danger" };
  const button = element("button", { ...kind, text: "Cancel this job …", onclick: ask });
  return block("cancelling", button, said);
}

function payloadBlock(payload) {
  const text = element("pre", { tabindex: "0", "aria-label": "Payload", text: payload });
  return element("details", { class: "payload", open: true }, element("summary", { text: "What came, masked" }), text);
}
