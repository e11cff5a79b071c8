// Requests to the server, and the buttons that make them.

import { element, explain, setAttribute } from "./dom.js";

const DEADLINE = 90_000; // milliseconds: a deploy waits for a new instance

let reachable = true;
let complain = () => {};

/** Whom to tell, in a sentence, when the server refuses something. */
export function onRefusal(tell) {
  complain = tell;
}

/** Get JSON. Rejects where there is none. */
export async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(DEADLINE) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Ask the server to do something; what it refuses is told and not raised. */
export async function post(path, wanted) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wanted),
      signal: AbortSignal.timeout(DEADLINE),
    });
    if (!answer.ok) complain((await answer.json()).error);
  } catch (problem) {
    complain(`The demo did not answer: ${problem.message}`);
  }
}

/**
 * A button that asks the server for something, and is busy until that is done.
 *
 * Neither a busy button nor one without a server is `disabled`: that would take the focus away from who has pressed it.
 */
export function button(label, { text = "", kind = "", press }) {
  const node = element("button", { type: "button", class: `button ${kind}`, "data-server": true, onclick: pressed });
  node.append(element("span", { class: "label", text: label }));
  if (text) explain(node, text);
  mark(node);
  return node;

  async function pressed() {
    if (node.ariaDisabled === "true") return;
    node.ariaBusy = "true";
    mark(node);
    await press();
    node.ariaBusy = null;
    mark(node);
  }
}

/** A button for a row of the table of actions; `instance` answers the name of the one that it is done to. */
export function actionButton(action, { instance = () => null, kind = "", label = action.label } = {}) {
  const press = () => post("/demo/do", { action: action.name, instance: instance() });
  return button(label, { text: action.text, kind, press });
}

/** Switch all buttons that need the server on or off. */
export function setReachable(value) {
  if (value === reachable) return;
  reachable = value;
  document.querySelectorAll("[data-server]").forEach(mark);
}

/** Switch one button off or on, by what it would do now. */
export function setOff(node, off) {
  setAttribute(node, "data-off", off);
  mark(node);
}

function mark(node) {
  const off = !reachable || node.ariaBusy === "true" || "off" in node.dataset;
  setAttribute(node, "aria-disabled", off ? "true" : null);
}
