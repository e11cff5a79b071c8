// Tips: what a figure or a button means, beside it, while it has the pointer or the focus. Escape takes a tip away, and
// pressing a button does too: its tip may lie over what is pressed next. A finger that has touched a figure leaves its
// tip there; on a button it presses, and gets none.

const GAP = 8; // pixels between a node and its tip, and between a tip and the edge of the window

/** Show tips in `tip` for every node that has `data-tip`. */
export function showTips(tip) {
  let node = null;

  const hide = () => {
    tip.hidden = true;
    node = null;
  };
  const show = (event) => {
    const found = event.target.closest?.("[data-tip]") ?? null;
    if (found === node || tip.contains(event.target)) return;
    if (!found || (event.pointerType === "touch" && found.matches("button"))) return hide();
    if (event.type === "focusin" && !event.target.matches(":focus-visible")) return;
    node = found;
    tip.textContent = node.dataset.tip;
    tip.hidden = false;
    place(tip, node.getBoundingClientRect());
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest?.("button")) tip.hidden = true; // `node` stays: no tip until the pointer has left it.
  });
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", (event) => event.target === node && hide());
  document.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && hide());
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

/** Below the node, or above it where there is no room below. */
function place(tip, around) {
  const { width, height } = tip.getBoundingClientRect();
  const left = around.left + around.width / 2 - width / 2;
  const below = around.bottom + GAP;
  const top = below + height + GAP > innerHeight ? around.top - height - GAP : below;
  tip.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
  tip.style.top = `${Math.max(GAP, top)}px`;
}
