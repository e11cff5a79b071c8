// What an overview amounts to: sentences, the worst first, each with how bad it is.

import { age, counted, moment } from "./words.js";

const LONG_WAIT = 10; // seconds: what waits for less is at work
const RECENT = 600; // seconds for which an error that Telegram tells of counts
const WORST_FIRST = ["bad", "warn", "note"];

/** Sentences as `{mood, text}`; none where all is well. Moods are bad, warn and note. */
export function judged(view) {
  const found = RULES.flatMap((rule) => rule(view) ?? []);
  return found.sort((one, other) => WORST_FIRST.indexOf(one.mood) - WORST_FIRST.indexOf(other.mood));
}

const RULES = [problem, nobody, several, unreachable, sending, waiting, inDoubt, dead, telegram, creating];

function problem({ problem: why }) {
  return why && bad(`What is shown is old: ${why}`);
}

function nobody({ problem: why, lead, handovers }) {
  if (lead.instance !== null || why) return null; // Where the database does not answer nobody knows who leads.
  const seconds = lead.seconds ?? secondsSinceTheEnd(handovers);
  return bad(seconds === null ? "Nobody is ACTIVE" : `Nobody is ACTIVE for ${age(seconds)}`);
}

function secondsSinceTheEnd(handovers) {
  const ended = handovers.filter(({ source }) => source === "ACTIVE").map(({ at }) => Date.parse(at));
  return ended.length ? (Date.now() - Math.max(...ended)) / 1000 : null;
}

function several({ instances }) {
  const active = (instances ?? []).filter(({ state, heard_seconds: heard }) => state === "ACTIVE" && heard < 3);
  return active.length > 1 ? bad(`${active.length} instances say that they are ACTIVE`) : null;
}

function unreachable({ lead, instances }) {
  const leader = (instances ?? []).find(({ name }) => name === lead.instance);
  return leader?.reaches === false ? bad(`The ACTIVE instance cannot reach Telegram: ${leader.reach_error}`) : null;
}

function sending({ pauses }) {
  return pauses.map(({ scope, by, reason }) => {
    if (scope === "bot") return bad(`Nothing is sent: ${reason}`);
    return scope === "sending" ? bad(`Sending is paused by ${by}: ${reason}`) : null;
  }).filter(Boolean);
}

function waiting({ inbox, oldest_seconds: oldest }) {
  if (!inbox.count || !(oldest > LONG_WAIT)) return null;
  const one = inbox.count === 1;
  return warn(`${counted(inbox.count, "update")} ${one ? "waits" : "wait"}, the oldest for ${age(oldest)}`);
}

function inDoubt({ in_doubt: doubts, looked_for: looked }) {
  if (!doubts) return null;
  const sought = looked ? `, ${looked === doubts ? "looked for now" : `${looked} of them looked for now`}` : "";
  return warn(`${counted(doubts, "update")} ${doubts === 1 ? "is" : "are"} in doubt${sought}`);
}

function dead({ dead: { count, exact } }) {
  if (!count) return null;
  return warn(`${exact ? "" : "About "}${counted(count, "update")} ${count === 1 ? "is" : "are"} dead`);
}

function telegram({ telegram: { last_error: error, last_error_at: at } }) {
  if (!error || !at || Date.now() - Date.parse(at) > RECENT * 1000) return null;
  return warn(`Telegram could not deliver, last at ${moment(at)}: ${error}`);
}

function creating({ pauses }) {
  return pauses
    .filter(({ scope }) => scope === "provider" || scope === "model")
    .map(({ scope, name, by, reason }) => note(`The ${scope} ${name} is paused by ${by}: ${reason}`));
}

const bad = (text) => ({ mood: "bad", text });
const warn = (text) => ({ mood: "warn", text });
const note = (text) => ({ mood: "note", text });
