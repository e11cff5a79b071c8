// On a phone one part is shown at a time: which one is a matter of `data-part` of the body, and of CSS.

import { element } from "./dom.js";

const PARTS = { chat: "Chat", machines: "Machines", score: "Score" };

/** Buttons that choose the part. */
export function makeTabs(root, chosen) {
  const buttons = Object.entries(PARTS).map(([part, text]) => {
    return element("button", { type: "button", text, "data-part": part, onclick: () => choose(part) });
  });
  root.append(...buttons);
  choose(document.body.dataset.part);

  function choose(part) {
    document.body.dataset.part = part;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.part === part));
    chosen();
  }
}
