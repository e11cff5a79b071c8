// The load: how many people press /start a second.

import { element, setAttribute, setText } from "./dom.js";
import { button, post, setOff } from "./server.js";

const RATES = [0, 1, 20, 200];

export class Load {
  constructor(root) {
    this.buttons = RATES.map((rate) => {
      const text = rate ? `${rate} ${rate === 1 ? "person" : "people"} a second press /start, each again only when answered.` : "Nobody presses.";
      const node = button(rate ? String(rate) : "Stop", { text, press: () => post("/demo/load", { rate }) });
      return { rate, node };
    });
    this.now = element("span", { class: "load-now" });
    const title = element("p", { class: "load-title", id: "load-title" });
    title.append("People a second who press /start", this.now);
    root.append(
      title,
      element("div", { class: "segments", role: "group", "aria-labelledby": "load-title" }, ...this.buttons.map(({ node }) => node)),
    );
  }

  show({ load }) {
    for (const { rate, node } of this.buttons) {
      if (rate) setAttribute(node, "aria-pressed", String(rate === load));
      else setOff(node, load === 0);
    }
    setText(this.now, RATES.includes(load) ? "" : `: ${load} now`);
  }
}
