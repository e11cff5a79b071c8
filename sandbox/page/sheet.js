// What opens above the text field: the bot's commands, those that fit what is typed, or the results of the inline mode.

import { element, icon, refresh } from "./dom.js";

const LINES = "M4 7h16M4 12h16M4 17h16";

export class Sheet {
  #view = { commands: [], inline_queries: [] };
  #open = false; // by the button, with all commands

  // `write` puts a text into the text field, with the focus.
  constructor(phone, write) {
    Object.assign(this, { phone, write });
    const { commands } = phone.words;
    this.node = element("div", { class: "sheet", role: "group", hidden: true });
    this.button = element(
      "button",
      { type: "button", class: "round", "aria-label": commands, title: commands, "aria-expanded": "false" },
      icon(LINES),
    );
    this.button.addEventListener("click", () => this.toggle());
    this.node.addEventListener("keydown", (event) => this.#key(event));
  }

  // `typed` is what is in the text field, `asked` what the bot has been asked inline, or null.
  draw(view, typed, asked) {
    Object.assign(this, { typed, asked });
    this.#view = view;
    this.#draw();
  }

  toggle(open = !this.#open) {
    this.#open = open;
    this.button.setAttribute("aria-expanded", String(open));
    this.#draw();
    if (open) this.node.firstElementChild?.focus();
  }

  get isOpen() {
    return this.#open;
  }

  #draw() {
    const { commands, inline_queries: queries } = this.#view;
    const { words } = this.phone;
    const query = this.asked === null ? null : queries.findLast((one) => one.query === this.asked && one.answered);
    const begun = /^\/\w*$/.test(this.typed) ? this.typed.slice(1) : null;
    const fitting = commands.filter(({ command }) => this.#open || (begun !== null && command.startsWith(begun)));
    this.button.hidden = !commands.length;
    this.node.setAttribute("aria-label", query ? words.results : words.commands);
    refresh(this.node, query ? [query.id, query.results] : fitting, () =>
      query ? this.#results(query) : fitting.map((command) => this.#command(command)),
    );
    this.node.hidden = !this.node.childElementCount;
  }

  #command({ command, description }) {
    return choice(`/${command}`, description, () => {
      this.toggle(false);
      this.write("");
      this.phone.say(`/${command}`);
    });
  }

  #results(query) {
    if (!query.results.length) return [element("p", { text: this.phone.words.results0 })];
    return query.results.map((result) =>
      choice(
        result.title || result.type,
        result.description ?? "",
        () => {
          this.write("");
          this.phone.act("choose", { query_id: query.id, result_id: result.id });
        },
        "result",
      ),
    );
  }

  #key(event) {
    const { activeElement: held } = document;
    if (event.key === "Escape") {
      this.toggle(false);
      this.write();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      const next = event.key === "ArrowUp" ? held.previousElementSibling : held.nextElementSibling;
      if (next) next.focus();
      else this.write();
    }
  }
}

function choice(title, description, act, kind = "") {
  const words = [element("b", { text: title }), element("small", { text: description })];
  return element("button", { type: "button", class: `choice ${kind}`, on: { click: act } }, ...words);
}
