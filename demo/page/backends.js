// What the instances depend on: Postgres, Telegram and the provider, each with its buttons and the fault in force.

import { block, element, group, setAttribute, setShare, setText } from "./dom.js";
import { actionButton } from "./server.js";
import { count, secondsLeft } from "./words.js";

const LASTS = 10; // seconds: the longest that a fault lasts by itself
const BACKENDS = {
  postgres: { title: "Postgres", says: () => "with a standby" },
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
  constructor({ title, says }, actions) {
    this.names = new Set(actions.map(({ name }) => name));
    this.says = says;
    this.line = element("p", { class: "process" });
    this.fault = element("p", { class: "condition" });
    this.bar = element("span", { class: "gauge-fill" });
    this.root = element("article", { class: "card backend", "aria-label": title });
    this.root.append(
      element("h3", { text: title }),
      block("backend-says", this.line, this.fault),
      group(`Do to ${title}`, ...actions.map((action) => actionButton(action))),
      element("span", { class: "gauge", "aria-hidden": "true" }, this.bar),
    );
  }

  show(view, labels) {
    const fault = view.faults.find(({ action }) => this.names.has(action));
    setAttribute(this.root, "data-fault", fault !== undefined);
    setText(this.line, this.says(view));
    setText(this.fault, fault ? `${labels.get(fault.action)}: ${secondsLeft(fault.left)} left` : "in order");
    setShare(this.bar, (fault?.left ?? 0) / LASTS);
  }
}

function counted(number, one, several) {
  return `${count(number)} ${number === 1 ? one : several}`;
}
