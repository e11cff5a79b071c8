// The load: how many people press /start a second.

import { element, setAttribute, setText } from "./dom.js";
import { button, post, setOff } from "./server.js";

const RATES = [0, 1, 20, 200];

export class Load {
  constructor(root) {
    this.buttons = RATES.map((rate) => ({ rate, node: loadButton(rate) }));
    this.now = element("span", { class: "load-now" });
    const title = element("p", { class: "load-title", id: "load-title" }, "People a second who press /start", this.now);
    const segments = element("div", { class: "segments", role: "group", "aria-labelledby": "load-title" });
    segments.append(...this.buttons.map(({ node }) => node));
    root.append(title, segments);
  }

  show({ load }) {
    for (const { rate, node } of this.buttons) {
      if (rate) setAttribute(node, "aria-pressed", String(rate === load));
      else setOff(node, load === 0);
    }
    setText(this.now, RATES.includes(load) ? "" : `: ${load} now`);
  }
}

function loadButton(rate) {
  const people = rate === 1 ? "1 person presses" : `${rate} people press`;
  const text = rate ? `${people} /start every second, each again only when answered.` : "Nobody presses.";
  return button(rate ? String(rate) : "Stop", { text, press: () => post("/demo/load", { rate }) });
}
