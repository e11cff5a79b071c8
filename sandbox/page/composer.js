// Where a person writes: the text field with its buttons, the sheet above it (commands, results of the inline mode) and
// the reply keyboard below. A chat without messages has a button to start it instead, a blocked one a button to unblock.

import { element, icon, refresh } from "./dom.js";
import { sendFile } from "./files.js";

const LINES = "M4 7h16M4 12h16M4 17h16";
const CLIP = "M20 11.5l-8.2 8.2a5 5 0 0 1-7.1-7.1L13 4.3a3.4 3.4 0 0 1 4.8 4.8l-8.3 8.2a1.7 1.7 0 0 1-2.4-2.4l7.6-7.5";
const UP = "M12 19V5M6 11l6-6 6 6";
const CROSS = "M6 6l12 12M18 6L6 18";
const KEYS = "M3 7h18v10H3zM7 11h.01M12 11h.01M17 11h.01M8 14h8";
const ASK_AFTER = 250; // milliseconds without a key until the bot is asked

export class Composer {
  #view = null;
  #menuOpen = false;
  #keysClosed = 0; // the message whose reply keyboard the person has put away
  #replied = 0; // the message whose force_reply is done with
  #asked = null;
  #timer = 0;

  constructor(phone) {
    this.phone = phone;
    const { words } = phone;
    this.sheet = element("div", { class: "sheet", role: "group", hidden: true });
    this.reply = element("div", { class: "replying", hidden: true });
    this.menu = this.#button(LINES, words.commands, () => this.#toggleMenu());
    this.text = element("textarea", { rows: 1, maxlength: 4096, placeholder: words.text, "aria-label": words.text, autocomplete: "off" });
    this.keysButton = this.#button(KEYS, words.replyKeyboard, () => this.#toggleKeys());
    this.file = element("input", { type: "file", hidden: true, tabindex: -1, "aria-label": words.attach, on: { change: () => this.#attachChosen() } });
    this.attach = this.#button(CLIP, words.attach, () => this.file.click());
    this.sendButton = element("button", { class: "round send", "aria-label": words.send, title: words.send }, icon(UP));
    this.form = element("form", {}, this.menu, this.text, this.file, this.keysButton, this.attach, this.sendButton);
    this.keys = element("div", { class: "replykeys", role: "group", "aria-label": words.replyKeyboard, hidden: true });
    this.bar = element("div", { class: "bar", hidden: true });
    this.node = element("div", { class: "composer" }, this.sheet, this.reply, this.form, this.keys, this.bar);
    this.menu.setAttribute("aria-expanded", "false");
    this.#listen();
  }

  destroy() {
    clearTimeout(this.#timer);
  }

  draw(view) {
    this.#view = view;
    const stopped = view.blocked ? "blocked" : view.messages.length ? "" : "empty";
    const hadFocus = this.bar.contains(document.activeElement);
    this.form.hidden = stopped !== "";
    this.bar.hidden = stopped === "";
    refresh(this.bar, stopped, () => this.#barContent(stopped));
    if (hadFocus && !stopped) this.text.focus();
    this.#drawReply(view.keyboard, stopped);
    this.#drawSheet();
  }

  // Put a text into the field, with the focus.
  write(text) {
    this.text.value = text;
    this.text.focus();
    this.#typed();
  }

  #button(path, label, act) {
    return element("button", { type: "button", class: "round", "aria-label": label, title: label, on: { click: act } }, icon(path));
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
    this.sheet.addEventListener("keydown", (event) => this.#keyInSheet(event));
  }

  #submit() {
    const text = this.text.value.trim();
    const replyTo = this.reply.hidden ? undefined : this.#view.keyboard.message_id;
    if (!text) return;
    this.text.value = "";
    this.#typed();
    this.phone.say(text, replyTo);
    this.#dropReply();
  }

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#menuOpen) {
      this.#toggleMenu(false);
    } else if (event.key === "ArrowUp" && !this.sheet.hidden) {
      event.preventDefault();
      this.sheet.lastElementChild?.focus();
    }
  }

  #keyInSheet(event) {
    const { activeElement: held } = document;
    if (event.key === "Escape") {
      this.#toggleMenu(false);
      this.text.focus();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      const next = event.key === "ArrowUp" ? held.previousElementSibling : held.nextElementSibling;
      (next ?? this.text).focus();
    }
  }

  #typed() {
    // As high as its text, up to the limit in the style sheet. (field-sizing does that where the browser knows it.)
    this.text.rows = Math.min(Math.max(this.text.value.split("\n").length, 1), 6);
    const query = this.#inlineQuery();
    clearTimeout(this.#timer);
    if (query === null) this.#asked = null;
    else if (query !== this.#asked) this.#timer = setTimeout(() => this.#ask(query), ASK_AFTER);
    this.#drawSheet();
  }

  #inlineQuery() {
    const start = `@${this.phone.botName} `;
    return this.phone.botName && this.text.value.startsWith(start) ? this.text.value.slice(start.length) : null;
  }

  #ask(query) {
    this.#asked = query;
    this.phone.act("inline", { query });
  }

  #toggleMenu(open = !this.#menuOpen) {
    this.#menuOpen = open;
    this.menu.setAttribute("aria-expanded", String(open));
    this.#drawSheet();
    if (open) this.sheet.firstElementChild?.focus();
  }

  #drawSheet() {
    if (!this.#view) return;
    const { commands, inline_queries: queries } = this.#view;
    this.menu.hidden = !commands.length;
    const query = queries.findLast((one) => one.query === this.#asked);
    const results = this.#asked !== null && query?.answered ? query : null;
    const typed = /^\/\w*$/.test(this.text.value) ? this.text.value.slice(1) : null;
    const suggested = commands.filter(({ command }) => this.#menuOpen || (typed !== null && command.startsWith(typed)));
    this.sheet.setAttribute("aria-label", results ? this.phone.words.results : this.phone.words.commands);
    refresh(this.sheet, results ? ["results", results.id, results.results] : ["commands", suggested], () => (
      results ? this.#results(results) : suggested.map((one) => this.#choice(`/${one.command}`, one.description, () => this.#choose(one)))
    ));
    this.sheet.hidden = this.form.hidden || !this.sheet.childElementCount;
  }

  #results(query) {
    if (!query.results.length) return [element("p", { text: this.phone.words.results0 })];
    return query.results.map((result) => this.#choice(result.title || result.type, result.description ?? "", () => {
      this.write("");
      this.phone.act("choose", { query_id: query.id, result_id: result.id });
    }));
  }

  #choice(title, description, act) {
    return element("button", { type: "button", class: "choice", on: { click: act } }, element("b", { text: title }), element("small", { text: description }));
  }

  #choose({ command }) {
    this.#toggleMenu(false);
    this.write("");
    this.phone.say(`/${command}`);
  }

  #barContent(stopped) {
    const { words } = this.phone;
    const wide = (text, act) => element("button", { type: "button", class: "primary wide", text, on: { click: act } });
    if (stopped === "empty") return [wide(words.start, () => this.phone.say("/start"))];
    return [element("p", { text: words.blocked }), wide(words.unblock, () => this.phone.act("unblock", {}))];
  }

  #drawReply(markup, stopped) {
    const forced = !stopped && markup?.force_reply && markup.message_id !== this.#replied;
    const opening = this.reply.hidden && forced;
    this.reply.hidden = !forced;
    refresh(this.reply, forced ? markup : null, () => (forced ? this.#replyContent(markup) : []));
    if (opening) this.text.focus();
    const rows = stopped ? [] : (markup?.keyboard ?? []);
    refresh(this.keys, rows, () => rows.map((row) => element("div", { class: "keys" }, ...row.map((key) => this.#replyKey(key)))));
    this.keysButton.hidden = !rows.length;
    this.keys.hidden = !rows.length || this.#keysClosed === markup.message_id;
    this.keysButton.setAttribute("aria-expanded", String(!this.keys.hidden));
  }

  #replyContent(markup) {
    const message = this.#view.messages.find((one) => one.message_id === markup.message_id);
    const text = element("span", { text: `${this.phone.words.reply}: ${message?.text ?? message?.caption ?? this.phone.words.message}` });
    return [text, this.#button(CROSS, this.phone.words.noReply, () => this.#dropReply())];
  }

  #dropReply() {
    if (this.reply.hidden) return;
    this.#replied = this.#view.keyboard?.message_id;
    this.reply.hidden = true;
    this.text.focus();
  }

  #replyKey(key) {
    const text = typeof key === "string" ? key : key.text;
    return element("button", { type: "button", class: "key", on: { click: () => this.phone.say(text) } }, element("span", { text }));
  }

  #toggleKeys() {
    const { message_id: id } = this.#view.keyboard;
    this.#keysClosed = this.#keysClosed === id ? 0 : id;
    this.#drawReply(this.#view.keyboard, "");
  }

  #attachChosen() {
    const [file] = this.file.files;
    this.file.value = "";
    if (file) this.#attach(file);
  }

  #attach(file) {
    const caption = this.text.value.trim();
    this.write("");
    this.phone.trying(sendFile(this.phone, file, caption));
  }
}
