// The calls of the bot as they come, newest first; opened, each shows its parameters.

import { element } from "./dom.js";
import { Stream } from "./stream.js";

const KEPT = 300;

export class CallLog {
  #calls = [];

  // `called` is told after new calls.
  constructor(parts, called) {
    Object.assign(this, parts, { called });
    this.polls.addEventListener("change", () => this.#redraw());
    this.filter.addEventListener("input", () => this.#redraw());
    this.clear.addEventListener("click", () => {
      this.#calls = [];
      this.#redraw();
    });
    this.stream = new Stream("/stream/calls", { calls: (calls) => this.#add(calls) }, () => {});
  }

  // A stream that was cut begins again with the last calls: those that are known are left out.
  #add(calls) {
    const newest = this.#calls[0]?.at ?? 0;
    const known = new Set(this.#calls.filter((call) => call.at === newest).map((call) => JSON.stringify(call)));
    const fresh = calls
      .filter((call) => call.at > newest || (call.at === newest && !known.has(JSON.stringify(call))))
      .reverse();
    this.#calls = [...fresh, ...this.#calls].slice(0, KEPT);
    this.list.prepend(...fresh.filter((call) => this.#wanted(call)).map(line));
    while (this.list.childElementCount > KEPT) this.list.lastElementChild.remove();
    this.none.hidden = this.list.childElementCount > 0;
    this.called();
  }

  #redraw() {
    this.list.replaceChildren(...this.#calls.filter((call) => this.#wanted(call)).map(line));
    this.none.hidden = this.list.childElementCount > 0;
  }

  #wanted(call) {
    const wanted = this.filter.value.trim().toLowerCase();
    if (call.method === "getUpdates" && !this.polls.checked) return false;
    return !wanted || call.method.toLowerCase().includes(wanted) || String(call.chat_id ?? "").includes(wanted);
  }
}

function line(call) {
  const took = Math.round((call.at - call.arrived_at) * 1000);
  const time = new Date(call.at * 1000).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
  });
  const good = call.status === 200;
  const summary = element(
    "summary",
    {},
    element("time", { text: time }),
    element("span", { class: good ? "good" : "bad", text: call.status || "no answer" }),
    element("b", { text: call.method }),
    element("span", { class: "chat", text: call.chat_id ?? "" }),
    element("span", { class: "fault", text: call.fault ?? "" }),
    element("span", { class: "took", text: took > 0 ? `${took} ms` : "" }),
  );
  const details = element("details", {}, summary);
  details.addEventListener(
    "toggle",
    () => details.append(element("pre", { tabindex: 0, text: JSON.stringify(call.params, null, 2) })),
    { once: true },
  );
  return element("li", {}, details);
}
