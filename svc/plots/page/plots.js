// The time plots: SVG from the server, taken over as nodes.

import { element } from "./dom.js";

export class Plots {
  constructor(root) {
    this.root = root;
    // The page may hold empty places, each with its plot's name, so that nothing moves when the plots come.
    this.places = new Map([...root.children].map((place) => [place.dataset.plot, place]));
  }

  /** `plots` are SVG texts by name; one that cannot be read leaves the one before in its place. */
  show(plots) {
    for (const [name, text] of Object.entries(plots)) {
      const drawn = drawing(text);
      if (drawn) this.#place(name).replaceChildren(drawn);
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

/** SVG text as a node of this page; null if it is not SVG. */
export function drawing(text) {
  const read = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  return read.localName === "svg" ? document.importNode(read, true) : null;
}
