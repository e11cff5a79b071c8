// Dead updates: which fit a filter, why they are dead, and putting them back or giving them up.

import { get } from "./api.js";
import { confirm } from "./confirm.js";
import { element, setAttribute, setText } from "./dom.js";
import { fillOnce, link, table } from "./tables.js";
import { count, counted, moment } from "./words.js";

const HEADS = ["Chosen", "Update", "Chat", "Kind", "Reason", "Received", "Died", "Tries", "What came, masked"];
const AT_FIRST = 20; // rows; the others once they are asked for
const CONSEQUENCES = {
  replay: [
    "Whoever wrote is answered now, however old it is.",
    "Where it is not known whether an answer arrived, it is sent once more: somebody may have it twice.",
  ],
  discard: ["Nobody will be answered.", "What they wrote is deleted. This cannot be undone."],
};

export class Dead {
  /** `changed` is called when something was done. */
  constructor(byId, changed) {
    Object.assign(this, { form: byId("dead-filter"), said: byId("dead-said"), place: byId("dead"), changed });
    this.reasons = byId("dead-reasons");
    this.chosen = new Set();
    this.filter = {};
    this.view = { rows: [], fitting: 0 };
    const [ids, all] = [() => this.#ids(), () => this.#all()];
    this.ofChosen = [new Bulk("replay", "Replay", ids), new Bulk("discard", "Discard", ids)];
    this.ofAll = [new Bulk("replay", "Replay", all), new Bulk("discard", "Discard", all)];
    for (const bulk of [...this.ofChosen, ...this.ofAll]) {
      bulk.root.addEventListener("click", () => this.#ask(bulk));
      byId("dead-actions").append(bulk.root);
    }
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#look();
    });
  }

  /** Look again when their number has changed. */
  show({ dead, dead_reasons: reasons }) {
    fillOnce(this.reasons, reasons, () => reasons.map((row) => this.#reason(row)));
    // Who is choosing is not disturbed.
    if (dead.count === this.number || this.chosen.size || this.place.contains(document.activeElement)) return;
    this.number = dead.count;
    this.#look();
  }

  /** A reason that many have, as a button that shows those. */
  #reason({ reason, updates }) {
    const pick = () => {
      this.form.elements.reason.value = longestShown(reason);
      this.#look();
    };
    const button = element("button", { type: "button", class: "button small", onclick: pick });
    button.append(element("b", { text: `${count(updates)} × ` }), reason);
    return element("li", {}, button);
  }

  async #look() {
    this.filter = filterOf(this.form);
    try {
      this.view = await get(`/ops/dead?${new URLSearchParams(this.filter)}`);
      this.#draw();
    } catch (problem) {
      this.place.replaceChildren(element("p", { class: "error", text: problem.message }));
    }
  }

  #draw() {
    const shown = new Set(this.view.rows.map((row) => row.update_id));
    this.chosen = new Set([...this.chosen].filter((id) => shown.has(id)));
    fillOnce(this.place, this.view, ({ rows }) => {
      const words = element("p", { class: "taken-for", text: summary(this.view) });
      return rows.length ? [words, ...this.#table(rows)] : [words];
    });
    this.#count();
  }

  /** The table, with the first rows only and a button for the others where they are many. */
  #table(rows) {
    const all = table("Dead updates", HEADS, rows.map((row) => this.#row(row)));
    const later = this.unfolded ? [] : [...all.tBodies[0].rows].slice(AT_FIRST);
    if (!later.length) return [all];
    for (const row of later) row.hidden = true;
    const show = () => {
      this.unfolded = true;
      for (const row of later) row.hidden = false;
      more.remove();
      later[0].querySelector("input").focus();
    };
    const text = `Show the other ${later.length}`;
    const more = element("button", { type: "button", class: "button", text, onclick: show });
    return [all, more];
  }

  #row(row) {
    const { update_id: id, doubts } = row;
    return [
      this.#box(id),
      link("update", id),
      link("chat", row.chat_id),
      doubts ? `${row.kind}, ${counted(doubts, "doubt")}` : row.kind,
      row.reason,
      moment(row.received_at),
      moment(row.died_at),
      String(row.attempts),
      payloadOf(row),
    ];
  }

  #box(id) {
    const box = element("input", { type: "checkbox", "aria-label": `Choose update ${id}`, "data-update": id });
    box.checked = this.chosen.has(id);
    box.addEventListener("change", () => {
      if (box.checked) this.chosen.add(id);
      else this.chosen.delete(id);
      this.#count();
    });
    return box;
  }

  #count() {
    for (const bulk of this.ofChosen) bulk.show(this.chosen.size, `${this.chosen.size} chosen`);
    for (const bulk of this.ofAll) bulk.show(this.view.fitting, `all ${count(this.view.fitting)} that fit`);
  }

  #ids() {
    return { ids: [...this.chosen] };
  }

  #all() {
    return { ...bounds(this.filter), expected: this.view.fitting };
  }

  #ask({ action, label, number, wanted }) {
    setText(this.said, "");
    const details = wanted();
    confirm({
      title: `${label} ${counted(number, "dead update")}?`,
      consequences: CONSEQUENCES[action],
      confirm: `${label} ${counted(number, "update")}`,
      dangerous: action === "discard",
      wanted: () => ({ action, ...details }),
      done: (sentence) => {
        setText(this.said, sentence);
        this.changed();
        this.#look();
      },
    });
  }
}

/** A button for those that are chosen, or for all that fit. */
class Bulk {
  constructor(action, label, wanted) {
    Object.assign(this, { action, label, wanted });
    const kind = action === "discard" ? "button danger" : "button";
    this.root = element("button", { type: "button", class: kind, disabled: true });
  }

  show(number, which) {
    this.number = number;
    setText(this.root, `${this.label} ${which} …`);
    setAttribute(this.root, "disabled", number === 0);
  }
}

function summary({ rows, fitting, looked_at: looked }) {
  if (!looked) return "None. Everybody has been answered.";
  if (rows.length < fitting) return `The latest ${rows.length} of ${count(fitting)} that fit.`;
  return `${count(fitting)} of ${counted(looked, "update")} ${fitting === 1 ? "fits" : "fit"}.`;
}

function payloadOf({ update_id: id, payload }) {
  const text = element("pre", { tabindex: "0", "aria-label": `Payload of update ${id}`, text: payload });
  return element("details", {}, element("summary", { text: "Show" }), text);
}

/** The longest part of a text of which parts are masked or cannot be shown: only that can be looked for. */
function longestShown(text) {
  const parts = text.split(/\*\*\*|\ufffd/).map((part) => part.trim());
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest));
}

/** What the form says, without what is left open. */
function filterOf(form) {
  const filled = [...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
  return Object.fromEntries(filled);
}

/** The same as the server wants it to act on: null where it is left open, hours as numbers. */
function bounds({ reason = null, older_than: older, younger_than: younger }) {
  return { reason, older_than: hours(older), younger_than: hours(younger) };
}

function hours(text) {
  return text === undefined ? null : Number(text);
}
