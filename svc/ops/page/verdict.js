// What an overview amounts to: sentences, the worst first, each with how bad it is, and where on the page to go on.

import { age, cause, counted, duration, moment } from "./words.js";

const LONG_WAIT = 10; // seconds: what waits for less is at work
const RECENT = 600; // seconds for which an error that Telegram tells of counts
const WORST_FIRST = ["bad", "warn", "note"];

/** Sentences as `{mood, text, href}`; none where all is well. Moods are bad, warn and note; href may be missing. */
export function judged(view) {
  const found = RULES.flatMap((rule) => rule(view) ?? []);
  return found.sort((one, other) => WORST_FIRST.indexOf(one.mood) - WORST_FIRST.indexOf(other.mood));
}

const RULES = [
  problem,
  nobody,
  several,
  unreachable,
  sending,
  notStored,
  waiting,
  inDoubt,
  dead,
  flood,
  telegram,
  jobs,
  creating,
];

function problem({ problem: why }) {
  return why && bad(`What is shown below is old: ${why}`);
}

function nobody({ problem: why, lead, handovers }) {
  if (lead.instance !== null || why) return null; // Where the database does not answer nobody knows who leads.
  const seconds = lead.seconds ?? secondsSinceTheEnd(handovers);
  const howLong = seconds === null ? "Nobody is ACTIVE" : `Nobody has been ACTIVE for ${age(seconds)}`;
  return bad(`${howLong}: nobody is answered`);
}

function secondsSinceTheEnd(handovers) {
  const ended = handovers.filter(({ source }) => source === "ACTIVE").map(({ at }) => Date.parse(at));
  return ended.length ? (Date.now() - Math.max(...ended)) / 1000 : null;
}

function several({ instances }) {
  const active = (instances ?? []).filter(({ state, heard_seconds: heard }) => state === "ACTIVE" && heard < 3);
  return active.length > 1 ? bad(`${active.length} instances say that they are ACTIVE`) : null;
}

function unreachable({ lead, instances, pauses }) {
  if (pauses.some(isOfTheBot)) return null; // That says more.
  const leader = (instances ?? []).find(({ name }) => name === lead.instance);
  if (leader?.reaches !== false) return null;
  return bad(`The ACTIVE instance cannot reach Telegram: ${cause(leader.reach_error)}`);
}

function sending({ pauses }) {
  return pauses.map((pause) => {
    const { scope, by, reason, seconds } = pause;
    if (isOfTheBot(pause)) {
      const why = `Telegram does not take the bot’s token (BOT_TOKEN): ${cause(reason)}`;
      return bad(`Nothing has been sent for ${age(seconds)}, since ${why}`);
    }
    return scope === "sending" ? bad(`Sending is paused by ${by} (${age(seconds)} ago): ${reason}`) : null;
  }).filter(Boolean);
}

/** The pause that the service begins itself. */
function isOfTheBot({ scope }) {
  return scope === "bot";
}

function notStored({ traffic: { counts } }) {
  const missed = counts.not_stored ?? 0;
  if (!missed) return null;
  return bad(`${counted(missed, "update")} could not be stored in the last minute: Telegram delivers them again`);
}

function waiting({ inbox, oldest_seconds: oldest }) {
  if (!inbox.count || !(oldest > LONG_WAIT)) return null;
  const { count: number, exact } = inbox;
  const wait = number === 1 ? "waits" : "wait";
  return warn(`${about(exact)}${counted(number, "update")} ${wait}, the oldest for ${age(oldest)}`);
}

function inDoubt({ in_doubt: doubts, looked_for: looked }) {
  if (!doubts) return null;
  const sought = looked ? ` (${looked === doubts ? "looked for now" : `${looked} of them looked for now`})` : "";
  const are = doubts === 1 ? "is" : "are";
  return warn(`${counted(doubts, "update")} ${are} in doubt${sought}: it is not known whether the answer arrived`);
}

function dead({ dead: { count, exact } }) {
  if (!count) return null;
  const are = count === 1 ? "is" : "are";
  return warn(`${about(exact)}${counted(count, "update")} ${are} dead: given up, not answered`, "#dead-panel");
}

function flood({ traffic: { flood_pauses: pauses, flood_seconds: asked } }) {
  if (!pauses) return null;
  const times = counted(pauses, "time");
  return warn(`Telegram has asked to wait (429) ${times} in the last minute, ${duration(asked)} in all`);
}

function telegram({ telegram: { last_error: error, last_error_at: at } }) {
  if (!error || !at || Date.now() - Date.parse(at) > RECENT * 1000) return null;
  return warn(`Telegram could not deliver, last at ${moment(at)}: ${error}`);
}

function jobs({ jobs: rows }) {
  const lost = (rows ?? []).filter(({ state }) => state === "unknown").reduce((sum, row) => sum + row.jobs, 0);
  if (!lost) return null;
  const them = lost === 1 ? "it" : "them";
  return warn(`${counted(lost, "job")} of the last 24 hours: it is not known what became of ${them}`, "#jobs=unknown");
}

function creating({ pauses }) {
  return pauses
    .filter(({ scope }) => scope === "provider" || scope === "model")
    .map(({ scope, name, by, reason, seconds }) => {
      return note(`The ${scope} ${name} is paused by ${by} (${age(seconds)} ago): ${reason}`);
    });
}

function about(exact) {
  return exact ? "" : "About ";
}

const bad = (text) => ({ mood: "bad", text });
const warn = (text, href) => ({ mood: "warn", text, href });
const note = (text) => ({ mood: "note", text });
