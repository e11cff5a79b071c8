// A text with its entities as nodes. Offsets and lengths are UTF-16 units, as JavaScript counts.

import { element } from "./dom.js";

const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code" };
const MARKED = ["mention", "hashtag", "cashtag", "text_mention", "date_time"];

// `phone` gives the words, and is told which command was tapped.
export function formatted(text, entities, phone) {
  const sorted = [...(entities ?? [])].sort((one, other) => one.offset - other.offset || other.length - one.length);
  const made = document.createDocumentFragment();
  fill(made, text, 0, text.length, sorted, phone);
  return made;
}

// Put what is between `from` and `to` into `holder`; each entity gets those within it, cut where it ends itself.
function fill(holder, text, from, to, entities, phone) {
  let at = from;
  for (let next = 0; next < entities.length;) {
    const entity = entities[next];
    const start = Math.max(entity.offset, at);
    const end = Math.min(entity.offset + entity.length, to);
    let after = next + 1;
    while (after < entities.length && entities[after].offset < end) after += 1;
    const inner = entities.slice(next + 1, after);
    next = after;
    if (start >= end) continue;
    holder.append(text.slice(at, start));
    const made = wrapper(entity, text.slice(start, end), phone);
    fill(made.inside ?? made.node, text, start, end, inner, phone);
    holder.append(made.node);
    at = end;
  }
  holder.append(text.slice(at, to));
}

function wrapper(entity, text, phone) {
  if (TAGS[entity.type]) return { node: element(TAGS[entity.type]) };
  if (MARKED.includes(entity.type)) return { node: element("span", { class: "mark" }) };
  switch (entity.type) {
    case "pre":
      return code(entity, text, phone);
    case "blockquote":
      return { node: element("blockquote") };
    case "expandable_blockquote":
      return expandable(phone);
    case "spoiler":
      return spoiler(phone);
    case "bot_command":
      return { node: element("button", { type: "button", class: "command", on: { click: () => phone.say(text) } }) };
    case "text_link":
      return link(entity.url);
    case "url":
      return link(/^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `http://${text}`);
    case "email":
      return { node: element("a", { href: `mailto:${text}` }) };
    case "phone_number":
      return { node: element("a", { href: `tel:${text.replace(/[^+0-9]/g, "")}` }) };
    default:
      return { node: element("span") };
  }
}

// An address of the web can be opened; any other (tg:, javascript:, ...) is only told.
function link(url) {
  if (!/^https?:\/\//i.test(url)) return { node: element("span", { class: "mark", title: url }) };
  return { node: element("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }) };
}

function code(entity, text, phone) {
  const inside = element("code");
  const copy = element("button", {
    type: "button",
    class: "copy",
    text: entity.language || phone.words.code,
    on: { click: () => phone.copy(text) },
  });
  if (entity.language) copy.setAttribute("aria-label", `${phone.words.code} (${entity.language})`);
  return { node: element("div", { class: "code" }, copy, element("pre", { tabindex: 0 }, inside)), inside };
}

function expandable(phone) {
  const inside = element("div", { class: "folded" });
  const more = element("button", { type: "button", class: "more", text: phone.words.more, "aria-expanded": "false" });
  more.addEventListener("click", () => {
    const folded = inside.classList.toggle("folded");
    more.textContent = folded ? phone.words.more : phone.words.less;
    more.setAttribute("aria-expanded", String(!folded));
  });
  return { node: element("blockquote", {}, inside, more), inside };
}

// Nobody gets at what is hidden, nor at links in it, before it is shown.
function spoiler(phone) {
  const inside = element("span", { inert: true });
  const node = element(
    "span",
    { class: "spoiler", role: "button", tabindex: 0, "aria-label": phone.words.hidden },
    inside,
  );
  const show = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    inside.inert = false;
    node.className = "shown";
    for (const name of ["role", "aria-label"]) node.removeAttribute(name);
    node.tabIndex = -1;
  };
  node.addEventListener("click", show, { once: true });
  node.addEventListener("keydown", show);
  return { node, inside };
}
