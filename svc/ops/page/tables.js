// Tables of texts, and redrawing only what has changed.

import { element } from "./dom.js";

const shown = new WeakMap();

/** Give `holder` the children that `make(data)` returns, unless it already shows this data. */
export function fillOnce(holder, data, make) {
  const told = JSON.stringify(data);
  if (shown.get(holder) === told) return;
  shown.set(holder, told);
  holder.replaceChildren(...make(data));
}

/**
 * A table. Cells are texts or nodes; on a phone each row is a card, with the head of its column before each cell.
 */
export function table(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col", text })));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell, place) => cellOf(cell, heads[place]))));
  return element(
    "table",
    {},
    element("caption", { class: "unseen", text: caption }),
    element("thead", {}, head),
    element("tbody", {}, ...body),
  );
}

function cellOf(cell, head) {
  const made = element("td", { "data-head": head });
  made.append(cell ?? "–");
  return made;
}

/** A link to something on this page. */
export function link(kind, id, text = String(id)) {
  return element("a", { href: `#${kind}=${id}`, text });
}
