// The instances: a card each, and a line for those that have ended and were replaced.

import { InstanceCard } from "./card.js";
import { element, keepChildren, setText } from "./dom.js";
import { actionButton } from "./server.js";
import { duration } from "./words.js";

const PAIR = 2; // one leads and one stands by: until as many run, who has ended keeps its card
const NOBODY = "No instance is alive: nothing is lost, but nobody answers.";

export class Instances {
  constructor({ cards, nobody, ended }, parts, announce) {
    this.nodes = { cards, nobody, ended };
    this.parts = parts;
    this.announce = announce;
    this.cards = new Map();
    this.lines = new Map();
    nobody.append(element("p", { text: NOBODY }), actionButton(parts.start, { label: "Start one", kind: "main" }));
  }

  show({ instances, now }) {
    const { cards, nobody } = this.nodes;
    const hadFocus = cards.contains(document.activeElement) || nobody.contains(document.activeElement);
    const byName = new Map(instances.map((view) => [view.name, view]));
    const shown = new Set(withCard(instances));
    keepChildren(this.nodes.cards, this.cards, [...shown], (name) => new InstanceCard(name, this.parts));
    for (const [name, card] of this.cards) card.show(byName.get(name), now);
    this.#showEnded(instances.filter(({ name }) => !shown.has(name)), now);
    this.#showWhetherAlive(instances.some(isAlive));
    // What had the focus may be gone: it goes on from the newest instance, and not from the top of the page.
    if (hadFocus && (nobody.hidden || !nobody.contains(document.activeElement))) this.#keepFocus();
  }

  #keepFocus() {
    const { cards } = this.nodes;
    if (!cards.contains(document.activeElement)) cards.lastElementChild?.focus();
  }

  #showEnded(instances, now) {
    const latestFirst = instances.sort((one, other) => other.since - one.since);
    const byName = new Map(latestFirst.map((view) => [view.name, view]));
    keepChildren(this.nodes.ended, this.lines, [...byName.keys()], line);
    for (const [name, { how }] of this.lines) {
      const { ended, since } = byName.get(name);
      setText(how, `${ended || "ended"} · ${duration(now - since)} ago`);
    }
  }

  #showWhetherAlive(alive) {
    if (this.nodes.nobody.hidden === alive) return;
    this.nodes.nobody.hidden = alive;
    if (!alive) this.announce(`${NOBODY} Start one.`);
  }
}

function isAlive({ state }) {
  return state !== "ENDED";
}

/** The names of those who have a card: all that run, and as many of the latest that ended as a pair has room for. */
function withCard(instances) {
  const room = Math.max(PAIR - instances.filter(isAlive).length, 0);
  const kept = room ? instances.filter((view) => !isAlive(view)).slice(-room) : [];
  return instances.filter((view) => isAlive(view) || kept.includes(view)).map(({ name }) => name);
}

function line(name) {
  const how = element("span", { class: "how" });
  return { root: element("p", {}, element("b", { text: name }), how), how };
}
