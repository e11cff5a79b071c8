// The timeline: SVG from the server, taken over as nodes. The bars tell what they are in tips, can be gone through with
// the arrow keys, and are told once more as a list.

import { block, element } from "./dom.js";
import { drawing } from "./plots.js";
import { fillOnce } from "./tables.js";

const TIMELINES = { timeline: "wide-only", timeline_narrow: "narrow-only" };
// The hours of a window, in words; the first is shown to begin with.
const HOURS = [["0.25", "15 min"], ["1", "1 h"], ["6", "6 h"], ["24", "24 h"], ["168", "7 d"]];
const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

export class Timeline {
  constructor({ place, list, windows }, choose) {
    this.list = list;
    this.places = new Map(Object.entries(TIMELINES).map(([name, kind]) => [name, block(kind)]));
    place.append(...this.places.values());
    for (const holder of this.places.values()) holder.addEventListener("keydown", (event) => walk(holder, event));
    this.#offer(windows, choose);
  }

  #offer(root, choose) {
    const buttons = HOURS.map(([hours, text]) => {
      const kind = { type: "button", class: "button small", "data-hours": hours };
      return element("button", { ...kind, text, onclick: () => pick(hours) });
    });
    root.append(...buttons);
    pick(HOURS[0][0]);

    function pick(hours) {
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.hours === hours));
      choose(Number(hours));
    }
  }

  /** `plots` are SVG texts by name. A bar that has the focus keeps it. */
  show(plots) {
    for (const [name, holder] of this.places) fillOnce(holder, plots[name] ?? "", (text) => this.#drawn(holder, text));
    const told = bars(this.places.get("timeline")).map((bar) => bar.dataset.tip).reverse();
    fillOnce(this.list, told, () => told.map((text) => element("li", { text })));
  }

  #drawn(holder, text) {
    const focused = bars(holder).indexOf(document.activeElement);
    const node = drawing(text);
    if (!node) return [...holder.childNodes];
    bars(node).forEach(tellInTips);
    // Once it is in the page.
    if (focused >= 0) queueMicrotask(() => focus(bars(holder), focused));
    return [node];
  }
}

function bars(root) {
  return [...root.querySelectorAll("[role=img]")];
}

/** Our tips come with the focus, too, and at once; a title would be a second one. */
function tellInTips(bar) {
  const title = bar.querySelector("title");
  bar.dataset.tip = title.textContent;
  title.remove();
}

function walk(holder, event) {
  const all = bars(holder).sort((one, other) => left(one) - left(other));
  const from = all.indexOf(event.target);
  if (!(event.key in STEPS) || from < 0) return;
  event.preventDefault();
  focus(all, Math.min(Math.max(from + STEPS[event.key], 0), all.length - 1));
}

function focus(all, place) {
  const chosen = all[Math.min(place, all.length - 1)];
  for (const bar of all) bar.setAttribute("tabindex", bar === chosen ? "0" : "-1");
  chosen?.focus();
}

function left(bar) {
  return bar.getBoundingClientRect().left;
}
