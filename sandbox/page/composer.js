// Where a person writes: the text field with its buttons. A chat without messages has a button to start it instead, a
// blocked one a button to unblock.

import { element, icon, refresh } from "./dom.js";
import { sendFile } from "./files.js";
import { Replies } from "./replies.js";
import { Sheet } from "./sheet.js";

const CLIP = "M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1L13 4.3a3.4 3.4 0 0 1 4.8 4.8l-8.3 8.2a1.7 1.7 0 0 1-2.4-2.4l7.6-7.5";
const UP = "M12 19V5M6 11l6-6 6 6";
const ASK_AFTER = 250; // milliseconds without a key until the bot is asked
const MOST_LINES = 6;

export class Composer {
  #view = null;
  #asked = null; // what the bot has been asked inline
  #timer = 0;

  constructor(phone) {
    this.phone = phone;
    const { words } = phone;
    this.text = element("textarea", { rows: 1, maxlength: 4096, placeholder: words.text, "aria-label": words.text });
    this.sheet = new Sheet(phone, (text) => this.write(text));
    this.replies = new Replies(phone, () => this.text.focus());
    this.file = element("input", { type: "file", hidden: true, tabindex: -1, "aria-label": words.attach });
    const attach = element("button", {
      type: "button",
      class: "round",
      "aria-label": words.attach,
      title: words.attach,
    });
    attach.append(icon(CLIP));
    attach.addEventListener("click", () => this.file.click());
    const send = element("button", { class: "round send", "aria-label": words.send, title: words.send }, icon(UP));
    const { sheet, replies } = this;
    this.form = element("form", {}, sheet.button, this.text, this.file, replies.button, attach, send);
    this.writing = element("div", {}, sheet.node, replies.line, this.form, replies.keys);
    this.bar = element("div", { class: "bar", hidden: true });
    this.node = element("div", { class: "composer" }, this.writing, this.bar);
    this.#listen();
  }

  destroy() {
    clearTimeout(this.#timer);
  }

  draw(view) {
    this.#view = view;
    const stopped = view.blocked ? "blocked" : view.messages.length ? "" : "empty";
    const hadFocus = this.bar.contains(document.activeElement);
    this.writing.hidden = stopped !== "";
    this.bar.hidden = stopped === "";
    refresh(this.bar, stopped, () => this.#instead(stopped));
    if (hadFocus && !stopped) this.text.focus();
    this.replies.draw(view.keyboard, view.messages);
    this.sheet.draw(view, this.text.value, this.#asked);
  }

  // Give the text field the focus, and perhaps another text.
  write(text = this.text.value) {
    this.text.value = text;
    this.text.focus();
    this.#typed();
  }

  #listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.text.addEventListener("input", () => this.#typed());
    this.text.addEventListener("keydown", (event) => this.#key(event));
    this.text.addEventListener("paste", (event) => {
      const [file] = event.clipboardData.files;
      if (!file) return;
      event.preventDefault();
      this.#attach(file);
    });
    this.file.addEventListener("change", () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (file) this.#attach(file);
    });
  }

  // What could not be sent is there again, unless something else has been written meanwhile.
  async #submit() {
    const text = this.text.value.trim();
    if (!text) return;
    this.text.value = "";
    this.#typed();
    const sent = this.phone.say(text, this.replies.replyTo);
    this.replies.drop();
    if ((await sent) || this.text.value) return;
    this.text.value = text;
    this.#typed();
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.sheet.isOpen) {
      this.sheet.toggle(false);
    } else if (event.key === "ArrowUp" && !this.sheet.node.hidden) {
      event.preventDefault();
      this.sheet.node.lastElementChild.focus();
    }
  }

  #typed() {
    // As high as its lines; field-sizing counts the long ones too, where the browser knows it.
    this.text.rows = Math.min(this.text.value.split("\n").length, MOST_LINES);
    const start = `@${this.phone.botName} `;
    const query = this.text.value.startsWith(start) ? this.text.value.slice(start.length) : null;
    clearTimeout(this.#timer);
    if (query === null) this.#asked = null;
    else if (query !== this.#asked) this.#timer = setTimeout(() => this.#ask(query), ASK_AFTER);
    if (this.#view) this.sheet.draw(this.#view, this.text.value, this.#asked);
  }

  #ask(query) {
    this.#asked = query;
    this.phone.act("inline", { query });
  }

  #instead(stopped) {
    const { words } = this.phone;
    const wide = (text, act) => element("button", { type: "button", class: "primary wide", text, on: { click: act } });
    if (stopped === "empty") return [wide(words.start, () => this.phone.say("/start"))];
    return [element("p", { text: words.blocked }), wide(words.unblock, () => this.phone.act("unblock", {}))];
  }

  #attach(file) {
    const caption = this.text.value.trim();
    this.write("");
    this.phone.trying(sendFile(this.phone, file, caption));
  }
}
