// What a user can do besides what the messenger offers: a form for each, and any update as JSON.

import { element } from "./dom.js";

const SAMPLE = JSON.stringify({ chat: { id: 1001, type: "private" }, user: { id: 1001 }, date: 1700000000 }, null, 2);

// Each: its title, its fields, and the request that they make: the path and the body.
const ACTS = [
  ["Block or unblock the bot", [user(), choice("act", "", ["block", "unblock"])], ({ act }) => [act, {}]],
  [
    "Edit a message",
    [user(), number("message_id", "Message id"), text("text", "New text")],
    ({ message_id: id, text: words }) => ["edit", { message_id: id, text: words }],
  ],
  [
    "Write in a group",
    [
      user(),
      number("chat_id", "Group's id", -1001),
      number("thread_id", "Thread (none)", "", false),
      text("text", "Text", "/start"),
    ],
    ({ chat_id: chat, thread_id: thread, text: words }) => [
      "send",
      { text: words, chat_type: "supergroup", chat_id: chat, ...(thread === null ? {} : { thread_id: thread }) },
    ],
  ],
  [
    "Send made-up files",
    [
      user(),
      choice("kind", "Kind", [
        "photo",
        "video",
        "animation",
        "audio",
        "voice",
        "document",
        "video_note",
        "sticker",
        "album",
      ]),
    ],
    ({ kind }) => (kind === "album" ? ["album", { kinds: ["photo", "photo", "photo"] }] : [`file?kind=${kind}`, null]),
  ],
  [
    "Press with any data",
    [user(), number("message_id", "Message id"), text("data", "Callback data")],
    ({ message_id: id, data }) => ["press", { message_id: id, data }],
  ],
  [
    "Forbid edits of a message",
    [user(), number("message_id", "Message id")],
    ({ message_id: id }) => ["freeze", { message_id: id }],
  ],
  [
    "Push any update",
    [text("kind", "Kind", "chat_join_request"), area("body", "Body (JSON)", SAMPLE)],
    ({ kind, body }) => ["/updates", { kind, body: JSON.parse(body) }],
  ],
];

export class Acts {
  constructor(root, said, api) {
    Object.assign(this, { said, api });
    root.append(...ACTS.map((act) => this.#form(...act)));
  }

  #form(title, fields, request) {
    const form = element(
      "form",
      { class: "fields" },
      ...fields.map((field) => field()),
      element("button", { class: "primary", text: "Do it", "aria-label": `Do it: ${title}` }),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#do(title, form, request);
    });
    return element("details", {}, element("summary", { text: title }), form);
  }

  async #do(title, form, request) {
    try {
      const given = Object.fromEntries(new FormData(form));
      for (const input of form.querySelectorAll("input[type=number]"))
        given[input.name] = input.value === "" ? null : input.valueAsNumber;
      const [path, body] = request(given);
      const answer = await this.api.send(
        "POST",
        path.startsWith("/") ? path : `/user/${given.user}/${path}`,
        body && JSON.stringify(body),
        body && "application/json",
      );
      this.said.textContent = `${title}: done${answer.update_id ? `, update ${answer.update_id}` : ""}`;
    } catch (problem) {
      this.said.textContent = `${title}: ${problem.message}`;
    }
  }
}

function field(label, input, name) {
  return element("label", { class: name }, element("span", { text: label }), input);
}

function user() {
  return number("user", "User", 1001);
}

function number(name, label, value, required = true) {
  return () => field(label, element("input", { name, type: "number", value, required }));
}

function text(name, label, value = "") {
  return () => field(label, element("input", { name, value, required: true, autocomplete: "off" }));
}

function area(name, label, value) {
  return () =>
    field(label, element("textarea", { name, rows: 6, required: true, spellcheck: "false", text: value }), "wide");
}

function choice(name, label, values) {
  return () =>
    field(
      label || "Act",
      element("select", { name }, ...values.map((value) => element("option", { value, text: value }))),
    );
}
