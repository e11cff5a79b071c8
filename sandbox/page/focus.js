// The focus outlives a redrawing: it goes to the control in the same place, or to the nearest one.

const CONTROLS = "button:not(:disabled), a[href], video[controls], audio[controls], [tabindex='0']";

// Carry out `change`, which redraws rows (elements with data-row) of `root`.
export function keepingFocus(root, change) {
  const held = document.activeElement;
  const row = held && root.contains(held) ? held.closest("[data-row]") : null;
  if (!row) {
    change();
    return;
  }
  const place = { key: row.dataset.row, next: row.nextElementSibling, before: row.previousElementSibling, ...within(row, held) };
  change();
  if (!held.isConnected) target(root, place).focus({ preventScroll: true });
}

function within(row, held) {
  const [line, column] = (held.dataset.place ?? "").split("/").map(Number);
  return { line, column, at: controls(row).indexOf(held) };
}

const controls = (row) => [...row.querySelectorAll(CONTROLS)];

function target(root, place) {
  const row = root.querySelector(`[data-row="${CSS.escape(place.key)}"]`);
  const near = [row, row?.nextElementSibling, place.next, root.lastElementChild];
  for (const one of near) {
    const found = one?.isConnected ? nearest(one, place) : null;
    if (found) return found;
  }
  return [row, place.before].find((one) => one?.isConnected) ?? root;
}

function nearest(row, { line, column, at }) {
  if (Number.isNaN(line) || column === undefined) return controls(row)[at];
  const keys = [...row.querySelectorAll("[data-place]")];
  const distance = (key) => {
    const [otherLine, otherColumn] = key.dataset.place.split("/").map(Number);
    return Math.abs(otherLine - line) * 100 + Math.abs(otherColumn - column);
  };
  return keys.sort((one, other) => distance(one) - distance(other))[0];
}
