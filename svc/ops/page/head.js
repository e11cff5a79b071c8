// The head of the page: the verdict in a sentence, who leads, and whether the page itself is up to date.

import { element, setAttribute, setText } from "./dom.js";
import { judged } from "./verdict.js";
import { age } from "./words.js";

const SIGNS = { good: "✓", bad: "!", warn: "!", note: "i", unknown: "…" };

export class Head {
  constructor(byId) {
    this.byId = byId;
    this.connection = byId("connection");
  }

  show(view) {
    const [worst, ...others] = judged(view);
    this.#verdict(worst ?? { mood: "good", text: "All is well" });
    this.#more(others);
    setText(this.byId("bot"), view.bot);
    document.title = `${worst && worst.mood !== "note" ? "! " : ""}${view.bot}: operations`;
    setText(this.byId("served"), `Served by ${view.served_by}`);
    setText(this.byId("lead"), leads(view.lead));
    this.#connected("live", "Live");
  }

  lost() {
    if (this.connection.dataset.is !== "out") this.#connected("lost", "Connecting again: what is shown is old");
  }

  signedOut() {
    if (this.connection.dataset.is === "out") return;
    this.#connected("out", "Signed out: what is shown is old. ");
    this.connection.append(element("a", { href: "/ops", text: "Log in" }));
  }

  #connected(state, words) {
    if (this.connection.dataset.is === state) return;
    this.connection.dataset.is = state;
    this.connection.textContent = words;
    setAttribute(document.body, "data-old", state !== "live");
  }

  #verdict({ mood, text }) {
    setAttribute(this.byId("verdict"), "data-mood", mood);
    setText(this.byId("verdict-sign"), SIGNS[mood]);
    setText(this.byId("verdict-sentence"), `${text}.`.replace(/\.\.$/, "."));
  }

  #more(sentences) {
    const list = this.byId("verdict-more");
    const told = JSON.stringify(sentences);
    if (told === this.told) return;
    this.told = told;
    list.replaceChildren(...sentences.map(({ mood, text }) => element("li", { "data-mood": mood, text: `${text}.` })));
  }
}

function leads({ instance, seconds, epoch, last_instance: last }) {
  if (instance !== null) return `${instance} is ACTIVE for ${age(seconds)}, in epoch ${epoch}.`;
  return last === null ? "Nobody has been ACTIVE yet." : `The last to be ACTIVE was ${last}, in epoch ${epoch}.`;
}
