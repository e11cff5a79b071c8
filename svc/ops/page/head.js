// The head of the page: the verdict in a sentence, who leads, and whether the page itself is up to date.

import { element, setAttribute, setText } from "./dom.js";
import { fillOnce } from "./tables.js";
import { judged } from "./verdict.js";
import { age, clockTime } from "./words.js";

const UNKNOWN = 5000; // milliseconds without news after which how it is counts as not known
const SIGNS = { good: "✓", bad: "!", warn: "!", note: "i", unknown: "…" };

export class Head {
  constructor(byId) {
    this.byId = byId;
    this.connection = byId("connection");
  }

  show(view) {
    const [worst = { mood: "good", text: "All is well" }, ...others] = judged(view);
    this.last = { at: performance.now(), time: clockTime(new Date()), worst, bot: view.bot };
    this.#verdict(worst);
    this.#more(others);
    setText(this.byId("bot"), view.bot);
    document.title = `${worst.mood === "bad" || worst.mood === "warn" ? "! " : ""}${view.bot}: operations`;
    setText(this.byId("served"), `Served by ${view.served_by}`);
    setText(this.byId("lead"), leads(view));
    this.#connected("live", "Live");
    setAttribute(document.body, "data-old", view.problem !== null);
  }

  lost() {
    if (this.connection.dataset.is === "out") return;
    this.#connected("lost", `Connecting again: ${this.#howOld()}`);
    if (this.last && performance.now() - this.last.at > UNKNOWN) this.#unknown();
  }

  signedOut() {
    if (this.connection.dataset.is === "out") return;
    this.#connected("out", `Signed out: ${this.#howOld()}. `);
    if (this.last) this.#unknown();
    this.connection.append(element("a", { href: "/ops", text: "Log in" }));
  }

  #howOld() {
    return this.last ? `what is shown is of ${this.last.time}` : "nothing is known yet";
  }

  /** Nobody must read on a page that is not told any more that all is well. */
  #unknown() {
    const { time, worst, bot } = this.last;
    this.#verdict({ mood: "unknown", text: "How it is now is not known here" });
    this.#more([{ mood: "note", text: `At ${time}: ${worst.text}` }]);
    setText(this.byId("lead"), "");
    document.title = `? ${bot}: operations`;
  }

  #connected(state, words) {
    if (this.connection.dataset.is === state) return;
    this.connection.dataset.is = state;
    this.connection.textContent = words;
    setAttribute(document.body, "data-old", state !== "live");
  }

  #verdict({ mood, text, href }) {
    setAttribute(this.byId("verdict"), "data-mood", mood);
    setText(this.byId("verdict-sign"), SIGNS[mood]);
    fillOnce(this.byId("verdict-sentence"), { text, href }, () => [sentence({ text, href })]);
  }

  #more(sentences) {
    fillOnce(this.byId("verdict-more"), sentences, () => {
      return sentences.map((each) => element("li", { "data-mood": each.mood }, sentence(each)));
    });
  }
}

/** A text as a sentence, and as a link where it says where to go on. */
function sentence({ text, href }) {
  const ended = `${text}.`.replace(/\.\.$/, ".");
  return href ? element("a", { href, text: ended }) : ended;
}

function leads({ problem, lead: { instance, seconds, epoch, last_instance: last }, instances }) {
  if (problem !== null) return instance ? `The last that was seen ACTIVE is ${instance}, in epoch ${epoch}.` : "";
  if (instance === null) {
    return last === null ? "Nobody has been ACTIVE yet." : `The last to be ACTIVE was ${last}, in epoch ${epoch}.`;
  }
  const led = `${instance} has been ACTIVE for ${age(seconds)}, in epoch ${epoch}.`;
  const alone = instances !== null && !instances.some(({ state }) => state === "PASSIVE");
  return alone ? `${led} No other instance stands by to take over.` : led;
}
