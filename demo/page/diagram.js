// The state diagram of an instance. What states and steps there are comes from the server's own table of them; only the
// places are ours.

import { setAttribute, svg } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 88;
const BOX = { width: 62, height: 22 };
const PLACES = {
  BOOT: [35, 16],
  PASSIVE: [120, 16],
  ACTIVE: [205, 16],
  DRAINING: [120, 72],
  ENDED: [205, 72],
};
const APART = 5; // from the middle, where there is a step in either direction
const CLEAR = 4; // between an arrow and a box, whose outline is wider when it is lit
const HEAD = { length: 6, half: 3 };

/** One diagram; `states` is what /demo/states says. */
export class Diagram {
  constructor({ states, edges }) {
    this.edges = edges;
    this.boxes = new Map(states.map((state, place) => [state, box(state, placeOf(state, place))]));
    const places = new Map(states.map((state, place) => [state, placeOf(state, place)]));
    this.root = svg("svg", { class: "diagram", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    this.root.append(...edges.map((edge) => arrow(edge, places, isTwoWay(edge, edges))), ...this.boxes.values());
  }

  /** Light up the state in which the instance is. */
  show(state) {
    if (state === this.state) return;
    this.state = state;
    for (const [name, node] of this.boxes) setAttribute(node, "class", name === state ? "box lit" : "box");
    const steps = this.edges.filter(({ source }) => source === state);
    const onward = steps.map(({ trigger, target }) => `${trigger} to ${target}`);
    setAttribute(this.root, "aria-label", `State ${state}. From here: ${onward.join(", ") || "nothing"}.`);
  }
}

function placeOf(state, place) {
  return PLACES[state] ?? [35 + 85 * (place % 3), 16 + 28 * Math.floor(place / 3)];
}

function isTwoWay({ source, target }, edges) {
  return edges.some((other) => other.source === target && other.target === source);
}

function box(state, [x, y]) {
  const { width, height } = BOX;
  const outline = { x: x - width / 2, y: y - height / 2, width, height, rx: 6 };
  const halo = { x: outline.x - 3, y: outline.y - 3, width: width + 6, height: height + 6, rx: 9, class: "halo" };
  return svg("g", {}, svg("rect", halo), svg("rect", outline), svg("text", { x, y: y + 3.5, text: state }));
}

function arrow({ source, target, trigger, meaning }, places, twoWay) {
  const [from, to] = ends(places.get(source), places.get(target), twoWay);
  const [along, across] = directions(from, to);
  const neck = [to[0] - along[0] * HEAD.length, to[1] - along[1] * HEAD.length];
  const corner = (side) => [neck[0] + across[0] * HEAD.half * side, neck[1] + across[1] * HEAD.half * side];
  return svg(
    "g",
    { class: "arrow" },
    svg("title", { text: `${trigger}: ${meaning}` }),
    svg("line", { x1: from[0], y1: from[1], x2: neck[0], y2: neck[1] }),
    svg("polygon", { points: [to, corner(1), corner(-1)].map((point) => point.map(round).join()).join(" ") }),
  );
}

/** Where an arrow begins and ends: on the outlines of the two boxes. */
function ends(source, target, twoWay) {
  const [along, across] = directions(source, target);
  const aside = twoWay ? APART : 0;
  const border = Math.min(BOX.width / 2 / Math.abs(along[0]), BOX.height / 2 / Math.abs(along[1])) + CLEAR;
  const from = [0, 1].map((axis) => source[axis] + along[axis] * border + across[axis] * aside);
  const to = [0, 1].map((axis) => target[axis] - along[axis] * border + across[axis] * aside);
  return [from, to];
}

function directions([x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const along = [(x2 - x1) / length, (y2 - y1) / length];
  return [along, [along[1], -along[0]]];
}

function round(value) {
  return value.toFixed(1);
}
