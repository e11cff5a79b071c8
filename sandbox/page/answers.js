// What the bot answers to a press: a line that goes away by itself, or a dialog that waits for OK.

import { element, openOver } from "./dom.js";

const SHOWN = 4000; // milliseconds

export class Answers {
  #told = null; // ids of the presses whose answers were there before, or have been shown
  #timer = 0;

  constructor(phone) {
    this.phone = phone;
    this.line = element("div", { class: "toast", role: "status" });
    this.node = this.line;
  }

  destroy() {
    clearTimeout(this.#timer);
    this.phone.root.querySelector("dialog.alert")?.remove();
  }

  draw({ presses, bot }) {
    const answered = presses.filter((press) => press.answered);
    const fresh = this.#told ? answered.filter((press) => !this.#told.has(press.id)) : [];
    this.#told = new Set(answered.map((press) => press.id));
    for (const press of fresh) this.#show(press, bot);
  }

  // A line at the bottom, for some seconds.
  toast(text) {
    this.line.textContent = text;
    this.line.classList.add("on");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.line.classList.remove("on");
      this.line.textContent = "";
    }, SHOWN);
  }

  #show(press, bot) {
    // The one kind of address that an answer may open: the bot itself, started with a parameter.
    const start = press.url.match(/^https?:\/\/t\.me\/(\w+)\?start=([\w-]*)$/i);
    if (start?.[1].toLowerCase() === bot.username.toLowerCase()) this.phone.say(`/start ${start[2]}`.trim());
    if (!press.text) return;
    if (press.show_alert) this.#alert(press.text, bot.first_name);
    else this.toast(press.text);
  }

  // One after another, if there are several: each dialog lies over those before it.
  #alert(text, name) {
    const id = `alert-${Math.random().toString(36).slice(2)}`;
    const ok = element("button", { value: "ok", class: "primary", autofocus: true, text: this.phone.words.ok });
    const said = element("p", { id, text });
    const dialog = element("dialog", {
      class: "alert",
      role: "alertdialog",
      "aria-label": name,
      "aria-describedby": id,
    });
    dialog.append(element("h2", { text: name }), said, element("form", { method: "dialog" }, ok));
    dialog.addEventListener("close", () => dialog.remove());
    openOver(this.phone.root, dialog);
  }
}
