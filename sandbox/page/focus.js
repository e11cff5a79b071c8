// The focus outlives a redrawing: it goes to the control in the same place, or to the nearest one. Where there is none,
// it waits on what is left, and goes on to the next message that has one: a bot may delete a menu and then send another.

const CONTROLS = "button:not(:disabled), a[href], video[controls], audio[controls], [tabindex='0']";
const waiting = new WeakMap(); // by root: the place that the focus has come from, and the node on which it waits

// Carry out `change`, which redraws rows (elements with data-row) of `root`.
export function keepingFocus(root, change) {
  const held = document.activeElement;
  const row = held && root.contains(held) ? held.closest("[data-row]") : null;
  const place = waiting.get(root)?.on === held ? waiting.get(root).place : row && placeOf(row, held);
  change();
  if (!place || (held.isConnected && waiting.get(root)?.on !== held)) return;
  const found = target(root, place);
  if (found) waiting.delete(root);
  else
    waiting.set(root, {
      place,
      on: [byKey(root, place.key), place.before, root.lastElementChild].find((one) => one?.isConnected),
    });
  (found ?? waiting.get(root).on)?.focus({ preventScroll: true });
}

// Where in its row a control is: a key by its line and column, another by its number.
function placeOf(row, held) {
  const [line, column] = (held.dataset.place ?? "").split("/").map(Number);
  const at = controls(row).indexOf(held);
  return { key: row.dataset.row, next: row.nextElementSibling, before: row.previousElementSibling, line, column, at };
}

const controls = (row) => [...row.querySelectorAll(CONTROLS)];
const byKey = (root, key) => root.querySelector(`[data-row="${CSS.escape(key)}"]`);

function target(root, place) {
  const rows = [byKey(root, place.key), place.next, root.lastElementChild].filter((row) => row?.isConnected);
  return rows.map((row) => nearest(row, place)).find(Boolean);
}

function nearest(row, { line, column, at }) {
  if (column === undefined) return controls(row)[at];
  const distance = (key) => {
    const [otherLine, otherColumn] = key.dataset.place.split("/").map(Number);
    return Math.abs(otherLine - line) * 100 + Math.abs(otherColumn - column);
  };
  return [...row.querySelectorAll("[data-place]")].sort((one, other) => distance(one) - distance(other))[0];
}
