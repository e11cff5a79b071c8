// The buttons under a message. They are kept as long as the keyboard stays the same: only the spinner comes and goes.

import { element, icon, refresh } from "./dom.js";

const OUT = "M8 16L16 8M9 8h7v7";
const COPY = "M9 9h10v10H9zM15 9V5H5v10h4";

// Draw the keyboard of a message into `holder`; `spinning` are the callback data of presses that wait for an answer.
export function drawKeyboard(holder, message, spinning, phone) {
  const rows = message.reply_markup?.inline_keyboard ?? [];
  refresh(holder, rows, () =>
    rows.map((row, line) =>
      element("div", { class: "keys" }, ...row.map((key, column) => button(key, `${line}/${column}`, message, phone))),
    ),
  );
  for (const node of holder.querySelectorAll("[data-place]")) {
    const [line, column] = node.dataset.place.split("/");
    const spins = spinning.has(rows[line][column].callback_data);
    node.classList.toggle("spins", spins);
    node.setAttribute("aria-busy", String(spins));
  }
}

function button(key, place, message, phone) {
  const url = key.url ?? key.login_url?.url ?? key.web_app?.url;
  const label = element("span", { text: key.text });
  if (/^https?:\/\//i.test(url ?? "")) {
    return element(
      "a",
      { class: "key", href: url, target: "_blank", rel: "noopener noreferrer", title: url, "data-place": place },
      label,
      icon(OUT),
    );
  }
  const made = element("button", { type: "button", class: "key", "data-place": place }, label);
  if (key.copy_text) made.append(icon(COPY));
  made.addEventListener("click", () => act(key, made, message, phone));
  return made;
}

function act(key, node, message, phone) {
  const inline =
    key.switch_inline_query_current_chat ?? key.switch_inline_query ?? key.switch_inline_query_chosen_chat?.query;
  if (key.callback_data !== undefined) {
    // As in the app: a button whose press is not answered yet takes no other.
    if (node.classList.contains("spins")) return;
    node.classList.add("spins");
    phone.press(message, key.callback_data);
  } else if (key.copy_text) {
    phone.copy(key.copy_text.text);
  } else if (inline !== undefined) {
    phone.askInline(inline);
  } else {
    phone.toast(phone.words.cannot);
  }
}
