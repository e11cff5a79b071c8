// Making and changing nodes. Text is only ever set as text, and what has not changed is not touched.

const SVG = "http://www.w3.org/2000/svg";

let described = 0;

/** An element with properties (`class`, `text`, attributes, `on<event>`) and children. */
export function element(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** A `div` of a class with these children. */
export function block(name, ...children) {
  return element("div", { class: name }, ...children);
}

/** Buttons that belong together, and what they have in common in words. */
export function group(label, ...buttons) {
  return element("div", { class: "actions", role: "group", "aria-label": label }, ...buttons);
}

/** The same as `element` for SVG. */
export function svg(name, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, name), properties, children);
}

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else setAttribute(node, name, value);
  }
  node.append(...children);
  return node;
}

/** Set the text of a node if it is another one. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an attribute if it is another one; null or false takes it away, true sets it empty. */
export function setAttribute(node, name, value) {
  const text = value === true ? "" : String(value);
  if (value === null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== text) {
    node.setAttribute(name, text);
  }
}

/** How far a bar is filled, 0 to 1. */
export function setShare(bar, share) {
  const width = `scaleX(${Math.min(Math.max(share, 0), 1).toFixed(3)})`;
  if (bar.style.transform !== width) bar.style.transform = width;
}

/** Explain a node: in a tip on focus and hover, and to those who hear the page. */
export function explain(node, text) {
  described += 1;
  const description = element("span", { id: `described-${described}`, hidden: true, text });
  node.append(description);
  node.dataset.tip = text;
  node.setAttribute("aria-describedby", description.id);
  return node;
}

/**
 * Keep one child of `parent` for each of `keys`, in this order: `make(key)` makes a new one, who is gone is removed. A
 * child that stays is not moved unless it must be, so that it keeps focus and hover. `kept` has the children by key.
 */
export function keepChildren(parent, kept, keys, make) {
  for (const [key, part] of kept) {
    if (!keys.includes(key)) {
      part.root.remove();
      kept.delete(key);
    }
  }
  keys.forEach((key, place) => {
    if (!kept.has(key)) kept.set(key, make(key));
    const { root } = kept.get(key);
    if (parent.children[place] !== root) parent.insertBefore(root, parent.children[place] ?? null);
  });
}
