// Whose app is shown, how many messages wait for the others, and a dialog that adds a person.

import { element, icon, initial, openOver, refresh } from "./dom.js";
import { LANGUAGES } from "./words.js";

const PLUS = "M12 5v14M5 12h14";

export class People {
  #read = new Map(); // by person: the last message of the bot that has been on the screen
  #people = [];
  #shown = null;

  // `show(person)` is called for whoever is chosen, `add(name, language)` for one who is to be added; `words` are those
  // of the person who is shown.
  constructor(root, { show, add }) {
    Object.assign(this, { root, show, add });
    this.list = element("div", { class: "who", role: "group" });
    this.more = element("button", { type: "button", class: "round", on: { click: () => this.#ask() } }, icon(PLUS));
    this.node = element("nav", { class: "people" }, this.list, this.more);
  }

  draw(people, shown, words) {
    this.#people = people;
    this.words = words;
    for (const person of people) {
      // What was there before the page was opened is not news.
      if (!this.#read.has(person.id) || person.id === shown)
        this.#read.set(person.id, person.bot_message_ids.at(-1) ?? 0);
    }
    this.node.setAttribute("aria-label", words.people);
    for (const name of ["aria-label", "title"]) this.more.setAttribute(name, words.addPerson);
    refresh(
      this.list,
      people.map((person) => person.id),
      () => people.map((person) => this.#chip(person)),
    );
    people.forEach((person, at) => this.#drawChip(this.list.children[at], person, shown));
    if (shown !== this.#shown) this.#bringIntoView(people.findIndex((person) => person.id === shown));
  }

  // Where not all fit: whoever is shown now, with a bit of the one before.
  #bringIntoView(at) {
    if (at < 0) return;
    this.#shown = this.#people[at].id;
    this.list.scrollLeft = this.list.children[at].offsetLeft - this.list.offsetLeft - 24;
  }

  #chip(person) {
    const avatar = element("span", {
      class: "avatar",
      "aria-hidden": "true",
      "data-tint": person.id % 6,
      text: initial(person.first_name),
    });
    const chip = element(
      "button",
      { type: "button", class: "chip" },
      avatar,
      element("span", { class: "name", text: person.first_name, title: person.first_name }),
      element("span", { class: "badge" }),
    );
    chip.addEventListener("click", () => this.show(person));
    return chip;
  }

  #drawChip(chip, person, shown) {
    const unread = person.bot_message_ids.filter((id) => id > this.#read.get(person.id)).length;
    chip.setAttribute("aria-pressed", String(person.id === shown));
    refresh(chip.lastElementChild, [unread, this.words.people], () =>
      unread
        ? [
            element("span", { "aria-hidden": "true", text: unread > 99 ? "99+" : unread }),
            element("span", { class: "unseen", text: this.words.unread(unread) }),
          ]
        : [],
    );
  }

  #ask() {
    const { words } = this;
    const name = element("input", {
      name: "name",
      required: true,
      maxlength: 64,
      autocomplete: "off",
      autofocus: true,
    });
    const language = element(
      "select",
      { name: "language" },
      ...Object.entries(LANGUAGES).map(([value, text]) => element("option", { value, text, lang: value })),
    );
    const cancel = element("button", { type: "button", text: words.cancel, on: { click: () => dialog.close() } });
    const form = element(
      "form",
      { method: "dialog" },
      element("label", {}, element("span", { text: words.name }), name),
      element("label", {}, element("span", { text: words.language }), language),
      element("div", { class: "choices" }, cancel, element("button", { class: "primary", text: words.add })),
    );
    const dialog = element(
      "dialog",
      { class: "adding", "aria-label": words.addPerson },
      element("h2", { text: words.addPerson }),
      form,
    );
    form.addEventListener("submit", () => this.add(name.value, language.value));
    dialog.addEventListener("close", () => dialog.remove());
    openOver(this.root, dialog);
  }
}
