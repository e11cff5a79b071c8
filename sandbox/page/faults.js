// Faults: ordered by a form, listed as long as they are not used up, and taken back.

import { element, refresh } from "./dom.js";

const KINDS = {
  flood: "429 Too Many Requests",
  error: "an error, no effect",
  html: "502 with a page of HTML",
  cut_before: "connection closed, no effect",
  cut_after: "effect, but no answer",
  error_after: "effect, but an error as the answer",
  slow: "effect and answer are late",
  slow_after: "effect at once, answer late",
  late: "no answer, effect later",
  hang: "no effect, no answer",
};
const WITH = {
  flood: ["retry_after"],
  error: ["status"],
  error_after: ["status"],
  slow: ["delay"],
  slow_after: ["delay"],
  late: ["delay"],
};
const FIELDS = {
  retry_after: ["Retry after (s)", { type: "number", min: 0, max: 86400, value: 3 }],
  status: ["Status", { type: "number", min: 400, max: 599, value: 500 }],
  delay: ["Delay (s)", { type: "number", min: 0, max: 3600, step: "any", value: 2 }],
};

export class Faults {
  constructor(parts, api) {
    Object.assign(this, parts, { api });
    this.kind = element(
      "select",
      { name: "kind" },
      ...Object.entries(KINDS).map(([value, text]) => element("option", { value, text: `${value}: ${text}` })),
    );
    this.more = Object.fromEntries(
      Object.entries(FIELDS).map(([name, [label, settings]]) => [
        name,
        field(label, element("input", { name, ...settings })),
      ]),
    );
    this.form.append(
      field("Kind", this.kind, "wide"),
      ...Object.values(this.more),
      field("Method (any)", element("input", { name: "method", placeholder: "sendMessage", autocomplete: "off" })),
      field("Chat id (any)", element("input", { name: "chat_id", type: "number" })),
      field("Calls (empty: all)", element("input", { name: "count", type: "number", min: 1, value: 1 })),
      element("button", { class: "primary", text: "Order" }),
    );
    this.kind.addEventListener("change", () => this.#fit());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask("POST", JSON.stringify(this.#order()));
    });
    this.clear.addEventListener("click", () => this.#ask("DELETE"));
    this.#fit();
    this.look();
  }

  // Ask what is ordered: calls use it up.
  async look() {
    try {
      this.#draw((await this.api.get("/faults")).faults);
    } catch (problem) {
      this.said.textContent = problem.message;
    }
  }

  #fit() {
    for (const [name, node] of Object.entries(this.more)) node.hidden = !WITH[this.kind.value]?.includes(name);
  }

  #order() {
    const given = Object.fromEntries(new FormData(this.form));
    const order = { kind: given.kind, count: given.count === "" ? null : Number(given.count) };
    if (given.method) order.method = given.method;
    for (const name of ["chat_id", ...(WITH[given.kind] ?? [])]) {
      if (given[name] !== "") order[name] = Number(given[name]);
    }
    return order;
  }

  async #ask(method, body) {
    try {
      await this.api.send(method, "/faults", body, body && "application/json");
      this.said.textContent = "";
    } catch (problem) {
      this.said.textContent = problem.message;
    }
    await this.look();
  }

  #draw(faults) {
    this.clear.hidden = !faults.length;
    refresh(this.list, faults, () =>
      faults.map((fault) => element("li", {}, element("b", { text: fault.kind }), ` ${told(fault)}`)),
    );
  }
}

function field(label, input, name) {
  return element("label", { class: name }, element("span", { text: label }), input);
}

function told({ kind, count, method, chat_id: chat, ...fault }) {
  const settings = (WITH[kind] ?? []).map((name) => `${name} ${fault[name]}`);
  const left = count === null ? "every call" : `${count} call${count === 1 ? "" : "s"}`;
  const which = [left, method && `of ${method}`, chat !== null && `in chat ${chat}`].filter(Boolean).join(" ");
  return [which, ...settings].join(", ");
}
