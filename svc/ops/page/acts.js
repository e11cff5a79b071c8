// What operators did lately, and what came of it.

import { get } from "./api.js";
import { element } from "./dom.js";
import { fillOnce, table } from "./tables.js";
import { moment } from "./words.js";

const HEADS = ["When", "Who", "By", "What", "Details", "Outcome"];

export class Acts {
  constructor(root) {
    this.root = root;
  }

  async look() {
    let rows;
    try {
      rows = await get("/ops/actions");
    } catch (problem) {
      return this.root.replaceChildren(element("p", { class: "error", text: problem.message }));
    }
    const nothing = () => element("p", { class: "nothing", text: "Nothing yet." });
    return fillOnce(this.root, rows, () => [rows.length ? actsTable(rows) : nothing()]);
  }
}

function actsTable(rows) {
  return table("What operators did", HEADS, rows.map((row) => [
    moment(row.at),
    row.operator,
    row.via,
    row.action.replaceAll("_", " "),
    details(row.detail),
    row.outcome ?? "under way, or broken off",
  ]));
}

function details(detail) {
  const told = Object.entries(detail).filter(([, value]) => value !== null && value !== "");
  return told.map(([name, value]) => `${name.replaceAll("_", " ")}: ${inWords(value)}`).join(", ");
}

function inWords(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
