// Jobs at the providers, the database, and what Telegram says of its deliveries.

import { element } from "./dom.js";
import { fillOnce, link, table } from "./tables.js";
import { age, bytes, count, duration, milliseconds, moment, NONE } from "./words.js";

const LARGEST = 5;

export class Surroundings {
  constructor({ jobs, database, telegram }) {
    Object.assign(this, { jobs, database, telegram });
  }

  show({ jobs, database, telegram }) {
    fillOnce(this.jobs, jobs, () => [jobsTable(jobs)]);
    fillOnce(this.database, databaseFacts(database), facts);
    fillOnce(this.telegram, telegramFacts(telegram), facts);
  }
}

function jobsTable(jobs) {
  if (jobs === null) return element("p", { class: "nothing", text: "Not known now." });
  if (!jobs.length) return element("p", { class: "nothing", text: "No jobs in the last 24 hours." });
  const rows = jobs.map(({ provider, state, jobs: number }) => [provider, link("jobs", state), count(number)]);
  return table("Jobs by provider and state", ["Provider", "State", "Jobs"], rows);
}

function databaseFacts({ answers_ms: answers, version, size_bytes: size, sessions, max_sessions: most, ...others }) {
  const tables = Object.entries(others.tables).sort(([, one], [, other]) => other - one).slice(0, LARGEST);
  return [
    ["Answers in", milliseconds(answers)],
    ["Version", version ?? NONE],
    ["Size", bytes(size)],
    ["Sessions", most === null ? count(sessions) : `${count(sessions)} of ${count(most)}`],
    ["Oldest transaction", duration(others.oldest_transaction_seconds)],
    ...tables.map(([name, length]) => [name, bytes(length)]),
  ];
}

function telegramFacts({ pending, last_error: error, last_error_at: at, seconds }) {
  return [
    ["Waits to be delivered", count(pending)],
    ["Last error", error ?? "none"],
    ["Its time", moment(at)],
    ["As of", seconds === null ? "not asked yet" : `${age(seconds)} ago`],
  ];
}

function facts(rows) {
  return rows.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value })]);
}
