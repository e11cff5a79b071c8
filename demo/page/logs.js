// The log of the instances, as a terminal would show it: the latest lines, of all or of one.

import { block, element } from "./dom.js";

const KEPT = 300; // lines
const NEAR = 24; // pixels from the end within which the view follows it
const ALL = "all";

export class Logs {
  constructor(root, toggle) {
    this.root = root;
    this.toggle = toggle;
    this.names = new Set();
    this.filter = element("select", { id: "log-filter", onchange: () => this.#select() });
    this.filter.append(element("option", { value: ALL, text: "all instances" }));
    this.lines = element("div", { class: "lines", role: "region", "aria-label": "Lines", tabindex: "0" });
    this.lines.addEventListener("scroll", () => this.#scrolled());
    this.end = pressed("To the end", () => this.#follow());
    const label = element("label", { for: "log-filter", text: "Log of" });
    root.append(block("logs-head", label, this.filter, this.end, pressed("Close", () => this.close())), this.lines);
    toggle.addEventListener("click", () => (root.hidden ? this.open() : this.close()));
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.following = true;
    this.end.hidden = true;
  }

  open() {
    this.#setOpen(true);
    this.#follow();
    this.filter.focus();
  }

  close() {
    this.#setOpen(false);
    this.toggle.focus();
  }

  /** Forget all lines: the next ones are the first again. */
  clear() {
    this.lines.replaceChildren();
  }

  show(lines) {
    for (const { instance } of lines) this.#offer(instance);
    this.lines.append(...lines.map((line) => this.#line(line)));
    while (this.lines.childElementCount > KEPT) this.lines.firstChild.remove();
    if (this.following) this.#follow();
  }

  #setOpen(open) {
    this.root.hidden = !open;
    document.body.toggleAttribute("data-log", open);
    this.toggle.setAttribute("aria-expanded", String(open));
  }

  #offer(name) {
    if (this.names.has(name)) return;
    this.names.add(name);
    this.filter.append(element("option", { value: name, text: name }));
  }

  #line({ instance, level, text }) {
    const node = element("p", { class: "line", "data-level": level, "data-instance": instance });
    node.append(element("b", { text: instance }), element("span", { text }));
    node.hidden = !this.#isWanted(instance);
    return node;
  }

  #isWanted(instance) {
    return this.filter.value === ALL || this.filter.value === instance;
  }

  #select() {
    for (const node of this.lines.children) node.hidden = !this.#isWanted(node.dataset.instance);
    this.#follow();
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.lines;
    this.following = scrollTop + clientHeight >= scrollHeight - NEAR;
    this.end.hidden = this.following;
  }

  #follow() {
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}

function pressed(text, onclick) {
  return element("button", { type: "button", class: "button", text, onclick });
}
