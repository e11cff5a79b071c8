// What the instances depend on: Postgres, Telegram and the provider, each with its buttons and the fault in force.

import { block, element, group, setAttribute, setShare, setText } from "./dom.js";
import { actionButton } from "./server.js";
import { count, secondsLeft } from "./words.js";

const LASTS = 10; // seconds: the longest that a fault lasts by itself
const BACKENDS = {
  postgres: { title: "Postgres", says: () => "Keeps all there is", well: ({ postgres }) => postgres },
  telegram: { title: "Telegram", says: ({ pending }) => counted(pending, "update waits", "updates wait") },
  provider: { title: "Provider", says: ({ made }) => counted(made, "picture asked for", "pictures asked for") },
};

export class Backends {
  constructor(root, actions) {
    this.labels = new Map(actions.map(({ name, label }) => [name, label]));
    this.cards = Object.entries(BACKENDS).map(([target, about]) => {
      return new BackendCard(about, actions.filter((action) => action.target === target));
    });
    root.append(...this.cards.map((card) => card.root));
  }

  show(view) {
    for (const card of this.cards) card.show(view, this.labels);
  }
}

class BackendCard {
  constructor({ title, says, well = () => "in order" }, actions) {
    this.buttons = new Map(actions.map((action) => [action.name, actionButton(action)]));
    Object.assign(this, { says, well });
    this.line = element("p", { class: "process" });
    this.fault = element("p", { class: "condition" });
    this.bar = element("span", { class: "gauge-fill" });
    this.root = element("article", { class: "card backend", "aria-label": title });
    this.root.append(
      element("h3", { text: title }),
      block("backend-says", this.line, this.fault),
      group(`Do to ${title}`, ...this.buttons.values()),
      element("span", { class: "gauge", "aria-hidden": "true" }, this.bar),
    );
  }

  show(view, labels) {
    const faults = view.faults.filter(({ action }) => this.buttons.has(action));
    const longest = Math.max(0, ...faults.map(({ left }) => left));
    const names = faults.map(({ action }) => labels.get(action)).join(", ");
    setAttribute(this.root, "data-fault", faults.length > 0);
    setText(this.line, this.says(view));
    setText(this.fault, names ? `${secondsLeft(longest)} left: ${names}` : this.well(view));
    setShare(this.bar, longest / LASTS);
    for (const [name, node] of this.buttons) {
      setAttribute(node, "data-on", faults.some(({ action }) => action === name));
    }
  }
}

function counted(number, one, several) {
  return `${count(number)} ${number === 1 ? one : several}`;
}
