// The whole messenger: who is shown, and their conversation with the bot. Needs /page/messenger.css.

import { Api } from "./api.js";
import { Conversation } from "./conversation.js";
import { element } from "./dom.js";
import { People } from "./people.js";

const REMEMBERED = "messenger person"; // for this tab: who was shown last

export class Messenger {
  #shown = null;
  #people = [];
  #unsent = new Map(); // by person: what they have typed and not sent
  #ended = false;

  // Builds itself in `root`, whose height it fills; `base` goes before every path of the sandbox.
  constructor(root, { base = "" } = {}) {
    this.api = new Api(base);
    this.node = element("div", { class: "messenger" });
    this.people = new People(this.node, { show: (person) => this.#show(person), add: (...who) => this.#add(...who) });
    this.node.append(this.people.node);
    root.append(this.node);
    this.#start();
  }

  destroy() {
    this.#ended = true;
    this.#shown?.destroy();
    this.node.remove();
  }

  // Whoever was shown before the page was loaded again. Until the sandbox is there, that is tried again and again.
  async #start() {
    while (!this.#ended && !this.#shown) {
      try {
        const { people } = await this.api.get("/people");
        const remembered = people.find((person) => String(person.id) === sessionStorage.getItem(REMEMBERED));
        if (!this.#ended) this.#show(remembered ?? people[0]);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  }

  #show(person) {
    if (this.#shown?.person.id === person.id) return;
    if (this.#shown) this.#unsent.set(this.#shown.person.id, this.#shown.unsent);
    this.#shown?.destroy();
    sessionStorage.setItem(REMEMBERED, person.id);
    this.#shown = new Conversation(this.node, this.api, person, (people) => this.#drawPeople(people));
    this.#shown.unsent = this.#unsent.get(person.id) ?? "";
    this.#drawPeople(this.#people);
  }

  #drawPeople(people) {
    this.#people = people;
    this.people.node.lang = this.#shown.language;
    this.people.draw(people, this.#shown.person.id, this.#shown.words);
  }

  async #add(name, language) {
    const body = { first_name: name, language_code: language };
    await this.#shown.trying(this.api.post("/people", body).then(({ id }) => this.#show({ ...body, id })));
  }
}
