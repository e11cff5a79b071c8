// A dialog that names the consequences of something and wants a confirmation. What came of it is told where it was
// begun.

import { act } from "./api.js";
import { block, element } from "./dom.js";

let made = 0;

/**
 * Ask, and do it once confirmed.
 *
 * `consequences` are sentences; `fields` are inputs with their labels (see `field`); `wanted()` answers the action's
 * name and details. `done(sentence)` is told what was done; what the server refuses is shown in the dialog.
 */
export function confirm({ title, consequences, fields = [], confirm: label, dangerous = false, wanted, done }) {
  made += 1;
  const error = element("p", { class: "error", role: "alert", hidden: true });
  const go = element("button", { type: "submit", class: `button ${dangerous ? "danger" : "main"}`, text: label });
  const cancel = element("button", { type: "button", class: "button", text: "Cancel", onclick: () => dialog.close() });
  const form = element("form", { method: "dialog", onsubmit: submitted });
  const words = element("ul", { class: "consequences" }, ...consequences.map((text) => element("li", { text })));
  const head = element("h2", { id: `confirm-${made}`, text: title });
  form.append(head, words, ...fields.map(({ root }) => root), error, block("actions", go, cancel));
  const dialog = element("dialog", { "aria-labelledby": `confirm-${made}`, onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
  (fields[0]?.input ?? cancel).focus();

  async function submitted(event) {
    event.preventDefault();
    if (go.disabled) return;
    setBusy(true);
    try {
      const { action, ...details } = wanted();
      const sentence = await act(action, details);
      dialog.close();
      done(sentence);
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    }
    setBusy(false);
  }

  function setBusy(busy) {
    for (const button of [go, cancel]) button.disabled = busy;
    go.ariaBusy = String(busy);
    if (busy) error.hidden = true;
    else go.focus();
  }
}

/** An input with its label; a `list` offers values, `options` are all there are. */
export function field(label, { list = [], options = [], ...attributes }) {
  made += 1;
  const id = `field-${made}`;
  const kind = options.length ? "select" : "input";
  const input = element(kind, { id, autocomplete: "off", ...attributes });
  input.append(...options.map(([value, text]) => element("option", { value, text })));
  const root = block("field", element("label", { for: id, text: label }), input);
  if (list.length) {
    input.setAttribute("list", `${id}-list`);
    root.append(element("datalist", { id: `${id}-list` }, ...list.map((value) => element("option", { value }))));
  }
  return { root, input };
}
