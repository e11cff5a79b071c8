// The time plots: SVG from the server, taken over as nodes.

import { element } from "./dom.js";

export class Plots {
  constructor(root) {
    this.root = root;
    this.places = new Map();
  }

  /** `plots` are SVG texts by name; one that cannot be read leaves the one before in its place. */
  show(plots) {
    for (const [name, text] of Object.entries(plots)) {
      const drawn = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
      if (drawn.localName === "svg") this.#place(name).replaceChildren(document.importNode(drawn, true));
    }
  }

  #place(name) {
    if (!this.places.has(name)) {
      this.places.set(name, element("figure", { class: "plot-place" }));
      this.root.append(this.places.get(name));
    }
    return this.places.get(name);
  }
}
