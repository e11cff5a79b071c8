// How the bot wants to be answered: by a reply keyboard under the text field, or by a reply to its message (force_reply).

import { element, icon, refresh } from "./dom.js";

const KEYS = "M3 7h18v10H3zM7 11h.01M12 11h.01M17 11h.01M8 14h8";
const CROSS = "M6 6l12 12M18 6L6 18";

export class Replies {
  #markup = null;
  #closed = 0; // the message whose keyboard the person has put away
  #done = 0; // the message that has had its reply, or shall have none
  #drawn = false; // what was there before the page was opened takes no focus

  // `focus` puts the focus into the text field.
  constructor(phone, focus) {
    Object.assign(this, { phone, focus });
    const { replyKeyboard } = phone.words;
    this.line = element("div", { class: "replying", hidden: true });
    this.keys = element("div", { class: "replykeys", role: "group", "aria-label": replyKeyboard, hidden: true });
    this.button = element(
      "button",
      { type: "button", class: "round", "aria-label": replyKeyboard, title: replyKeyboard },
      icon(KEYS),
    );
    this.button.addEventListener("click", () => this.#toggle());
  }

  // The message that a text which is sent now replies to, if there is one.
  get replyTo() {
    return this.line.hidden ? undefined : this.#markup.message_id;
  }

  // `markup` is the one that counts, null for none.
  draw(markup, messages) {
    this.#markup = markup;
    this.#drawLine(markup?.force_reply && markup.message_id !== this.#done, messages);
    const rows = markup?.keyboard ?? [];
    refresh(this.keys, rows, () =>
      rows.map((row) => element("div", { class: "keys" }, ...row.map((key) => this.#key(key)))),
    );
    this.button.hidden = !rows.length;
    this.keys.hidden = !rows.length || this.#closed === markup.message_id;
    this.button.setAttribute("aria-expanded", String(!this.keys.hidden));
  }

  // There is no reply any more, or it is on its way.
  drop() {
    if (this.line.hidden) return;
    this.#done = this.#markup.message_id;
    this.line.hidden = true;
    this.focus();
  }

  #drawLine(wanted, messages) {
    const opens = this.#drawn && this.line.hidden && wanted;
    this.#drawn = true;
    this.line.hidden = !wanted;
    refresh(this.line, wanted ? this.#markup : null, () => (wanted ? this.#asked(messages) : []));
    if (opens) this.focus();
  }

  #asked(messages) {
    const { words } = this.phone;
    const message = messages.find((one) => one.message_id === this.#markup.message_id);
    const cross = element("button", {
      type: "button",
      class: "round",
      "aria-label": words.noReply,
      title: words.noReply,
    });
    cross.append(icon(CROSS));
    cross.addEventListener("click", () => this.drop());
    return [element("span", { text: `${words.reply}: ${message?.text ?? message?.caption ?? words.message}` }), cross];
  }

  #key(key) {
    const text = typeof key === "string" ? key : key.text;
    const made = element("button", { type: "button", class: "key" }, element("span", { text }));
    made.addEventListener("click", () => this.phone.say(text));
    return made;
  }

  #toggle() {
    this.#closed = this.keys.hidden ? 0 : this.#markup.message_id;
    this.keys.hidden = !this.keys.hidden;
    this.button.setAttribute("aria-expanded", String(!this.keys.hidden));
  }
}
