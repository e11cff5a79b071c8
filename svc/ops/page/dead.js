// Dead updates: which fit a filter, why they are dead, and putting them back or giving them up.

import { get } from "./api.js";
import { confirm } from "./confirm.js";
import { element, setAttribute, setText } from "./dom.js";
import { link, table } from "./tables.js";
import { counted, moment } from "./words.js";

const HEADS = ["Chosen", "Update", "Chat", "Kind", "Reason", "Received", "Died", "Tries", "What came, masked"];
const REPLAY = [
  "Whoever wrote is answered now, however old it is.",
  "Where it is not known whether an answer arrived, it is sent once more: somebody may have it twice.",
];
const DISCARD = [
  "Nobody will be answered.",
  "What they wrote is deleted. This cannot be undone.",
];

export class Dead {
  constructor({ form, actions, said, place }, changed) {
    Object.assign(this, { form, said, place, changed });
    this.chosen = new Set();
    this.filter = {};
    this.view = { rows: [], fitting: 0 };
    this.buttons = [
      new Bulk("replay", "Replay", () => this.#ids()),
      new Bulk("discard", "Discard", () => this.#ids()),
      new Bulk("replay", "Replay", () => this.#all()),
      new Bulk("discard", "Discard", () => this.#all()),
    ];
    actions.append(...this.buttons.map(({ root }) => root));
    for (const bulk of this.buttons) bulk.root.addEventListener("click", () => this.#ask(bulk));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#look();
    });
  }

  /** Look again when their number has changed. */
  show({ dead: { count } }) {
    if (count === this.count) return;
    this.count = count;
    this.#look();
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
    const { rows, fitting, looked_at: looked } = this.view;
    const shown = new Set(rows.map((row) => row.update_id));
    this.chosen = new Set([...this.chosen].filter((id) => shown.has(id)));
    const text = rows.length < fitting ? `The latest ${rows.length} of ${fitting} that fit.` : `${counted(fitting, "update")} of ${looked} ${fitting === 1 ? "fits" : "fit"}.`;
    const parts = looked ? [element("p", { class: "taken-for", text })] : [element("p", { class: "nothing", text: "None. Everybody has been answered." })];
    if (rows.length) parts.push(table("Dead updates", HEADS, rows.map((row) => this.#row(row))));
    this.place.replaceChildren(...parts);
    this.#count();
  }

  #row(row) {
    const box = element("input", { type: "checkbox", "aria-label": `Choose update ${row.update_id}`, "data-update": row.update_id });
    box.checked = this.chosen.has(row.update_id);
    box.addEventListener("change", () => {
      if (box.checked) this.chosen.add(row.update_id);
      else this.chosen.delete(row.update_id);
      this.#count();
    });
    const payload = element("details", {}, element("summary", { text: "Show" }), element("pre", { tabindex: "0", text: row.payload }));
    const kind = `${row.kind}${row.doubts ? `, ${counted(row.doubts, "doubt")}` : ""}`;
    return [box, link("update", row.update_id), link("chat", row.chat_id), kind, row.reason, moment(row.received_at), moment(row.died_at), String(row.attempts), payload];
  }

  #count() {
    const [replay, discard, replayAll, discardAll] = this.buttons;
    for (const bulk of [replay, discard]) bulk.show(this.chosen.size, "chosen");
    for (const bulk of [replayAll, discardAll]) bulk.show(this.view.fitting, "that fit");
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
      consequences: action === "replay" ? REPLAY : DISCARD,
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
    this.root = element("button", { type: "button", class: `button ${action === "discard" ? "danger" : ""}`, disabled: true });
  }

  show(number, which) {
    this.number = number;
    setText(this.root, `${this.label} ${which === "chosen" ? `${number} chosen` : `all ${number} that fit`} …`);
    setAttribute(this.root, "disabled", number === 0);
  }
}

/** What the form says, without what is left open. */
function filterOf(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
}

/** The same as the server wants it to act on: null where it is left open, hours as numbers. */
function bounds({ reason = null, older_than: older, younger_than: younger }) {
  return { reason, older_than: hours(older), younger_than: hours(younger) };
}

function hours(text) {
  return text === undefined ? null : Number(text);
}
