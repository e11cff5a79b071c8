// Making and redrawing nodes. Whatever a person or a bot has sent comes in as text only, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const drawn = new WeakMap();

// A new element: `text` is its text, `on` its listeners by event, all else attributes (true: without a value; false,
// null and undefined: none). Children are nodes or texts.
export function element(tag, { text, on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

// A line drawing of 24 by 24, in the colour of the text around it. Without a label it is left out for screen readers.
export function icon(path, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else {
    svg.setAttribute("aria-hidden", "true");
  }
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// Give `holder` the children that `make` returns, if what they show has changed since the last time.
export function refresh(holder, state, make) {
  const told = JSON.stringify(state);
  if (drawn.get(holder) === told) return;
  drawn.set(holder, told);
  holder.replaceChildren(...make());
}

// Open a dialog as a modal one over the middle of `root`, which may be but a part of the page.
export function openOver(root, dialog) {
  root.append(dialog);
  dialog.showModal();
  const { left, width } = root.getBoundingClientRect();
  dialog.style.marginLeft = `${Math.max(8, left + (width - dialog.offsetWidth) / 2)}px`;
}

// The first letter of a name, for a round picture; an emoji counts as a letter.
export const initial = (name) => [...name.trim()][0]?.toUpperCase() ?? "?";
