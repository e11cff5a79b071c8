// Search, and what is found. What is shown is in the address, so that it can be linked to and the back button works:
// #find=TEXT, #chat=5, #person=5, #update=7, #job=7, #jobs=running.

import { get } from "./api.js";
import { element } from "./dom.js";
import { Life, jobFacts, updateFacts } from "./life.js";
import { link, table } from "./tables.js";
import { moment } from "./words.js";

const LISTED = new Set(["find", "chat", "person"]);
const AGAIN = 2000; // milliseconds between looks at an update that is not finished

export class Search {
  constructor({ form, text, found }) {
    Object.assign(this, { text, found });
    this.wanted = 0;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go(`find=${encodeURIComponent(text.value.trim())}`);
    });
    addEventListener("hashchange", () => this.#show(true));
    this.#show(true);
  }

  /** Look again at what may have gone on; called as time goes by. */
  refresh() {
    if (this.goesOn && Date.now() - this.looked > AGAIN) this.#show(false);
  }

  #go(hash) {
    if (location.hash === `#${hash}`) this.#show(true);
    else location.hash = hash;
  }

  /** Show what the address names; `anew`: somebody has asked for it. */
  async #show(anew) {
    const [, kind, value] = /^#(\w+)=(.*)$/.exec(location.hash) ?? [];
    this.wanted += 1;
    this.goesOn = false;
    this.looked = Date.now();
    if (kind === undefined) return this.found.replaceChildren();
    const wanted = this.wanted;
    const parts = await shown(kind, decodeURIComponent(value), this);
    if (wanted !== this.wanted || !parts) return undefined; // Something else is wanted by now.
    const told = parts.map((part) => part.textContent).join();
    if (anew || told !== this.told) this.found.replaceChildren(...parts);
    this.told = told;
    if (anew) this.#lead(parts);
    return undefined;
  }

  #lead() {
    this.found.focus({ preventScroll: true });
    this.found.parentElement.scrollIntoView({ block: "start" });
  }
}

/** The nodes that show it. What cannot be shown is said in a sentence; what is not of this page is nothing. */
async function shown(kind, value, search) {
  try {
    if (LISTED.has(kind)) return listed(await get(`/ops/search?q=${encodeURIComponent(asked(kind, value))}`));
    if (kind === "update") return life(updateFacts(await get(`/ops/updates/${encodeURIComponent(value)}`)), search);
    if (kind === "jobs") return jobsIn(value, await get(`/ops/jobs?state=${encodeURIComponent(value)}`));
    if (kind === "job") return life(jobFacts(await get(`/ops/jobs/${encodeURIComponent(value)}`)), search);
    return null;
  } catch (problem) {
    // What somebody has been told of may be stored in a moment.
    search.goesOn = problem.status === 404;
    return [element("p", { class: "error", text: problem.message })];
  }
}

function asked(kind, value) {
  return kind === "find" ? value : `${kind} ${value}`;
}

function life(facts, search) {
  search.goesOn = facts.goesOn;
  return [new Life(facts).root];
}

function jobsIn(state, jobs) {
  return [element("h3", { text: `Jobs that are ${state}, at most 50` }), jobsTable(jobs)];
}

function listed({ text, updates, jobs }) {
  const parts = [element("p", { class: "taken-for", text })];
  if (!updates.length && !jobs.length) parts.push(element("p", { class: "nothing", text: "Nothing is known of it." }));
  if (updates.length) parts.push(element("h3", { text: "Updates" }), updatesTable(updates));
  if (jobs.length) parts.push(element("h3", { text: "Jobs" }), jobsTable(jobs));
  return parts;
}

function updatesTable(updates) {
  const heads = ["Update", "Chat", "Kind", "State", "Received", "Tries", "Doubts", "Note"];
  return table("Updates that were found", heads, updates.map((row) => [
    link("update", row.update_id),
    link("chat", row.chat_id),
    row.kind,
    row.state,
    moment(row.received_at),
    String(row.attempts),
    String(row.doubts),
    row.note,
  ]));
}

function jobsTable(jobs) {
  const heads = ["Job", "Chat", "Person", "Provider", "Model", "State", "Asked for", "Error"];
  return table("Jobs that were found", heads, jobs.map((row) => [
    link("job", row.job_id),
    link("chat", row.chat_id),
    link("person", row.user_id),
    row.provider,
    row.model,
    row.state,
    moment(row.created_at),
    row.error,
  ]));
}
