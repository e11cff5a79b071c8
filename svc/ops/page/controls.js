// The buttons of an operator: pause and resume, step down. Each asks first, and says what follows.

import { get } from "./api.js";
import { confirm, field } from "./confirm.js";
import { element, setAttribute } from "./dom.js";
import { fillOnce } from "./tables.js";

const REASON = { required: true, maxlength: 200 };

export class Controls {
  constructor({ buttons, said }) {
    Object.assign(this, { buttons, said });
  }

  show({ pauses, lead, instances }) {
    const ours = pauses.filter(({ scope }) => scope !== "bot").map(({ scope, name }) => ({ scope, name }));
    const others = (instances ?? []).filter(({ state, name }) => state === "PASSIVE" && name !== lead.instance);
    this.now = { lead: lead.instance, others: others.map(({ name }) => name) };
    fillOnce(this.buttons, ours, () => this.#buttons(ours));
    setAttribute(this.buttons.querySelector("[data-step-down]"), "disabled", !lead.instance || !others.length);
  }

  #buttons(pauses) {
    const sending = pauses.some(({ scope }) => scope === "sending");
    const resume = pauses.map((pause) => button(`Resume ${named(pause)} …`, () => this.#resume(pause), "main"));
    const pause = button("Pause sending …", () => this.#pauseSending(), "danger");
    const creating = button("Pause a provider or model …", () => this.#pauseCreating());
    const stepDown = button("Step down …", () => this.#stepDown());
    stepDown.dataset.stepDown = "";
    return [...resume, ...(sending ? [] : [pause]), creating, stepDown];
  }

  #ask(question) {
    this.said.textContent = "";
    confirm({ ...question, done: (sentence) => { this.said.textContent = sentence; } });
  }

  #pauseSending() {
    const reason = field("Reason, for the others", REASON);
    this.#ask({
      title: "Pause all sending?",
      consequences: [
        "Nobody is sent anything until you resume: no menus, no answers, no pictures.",
        "What is being sent now is finished.",
        "What people write is stored and accepted as before. It is answered in order once you resume.",
        "The pause outlives restarts, deploys and handovers.",
      ],
      fields: [reason],
      confirm: "Pause sending",
      dangerous: true,
      wanted: () => ({ action: "pause", scope: "sending", name: "", reason: reason.input.value }),
    });
  }

  async #pauseCreating() {
    const target = field("What", { options: targets(await makers()) });
    const name = field("Its name, as the provider has it", { maxlength: 200 });
    const reason = field("Reason, for the others", REASON);
    const wanted = () => target.input.value.split(" ");
    const choose = () => {
      const [, ...known] = wanted();
      name.root.hidden = known.length > 0;
      name.input.required = !known.length;
    };
    target.input.addEventListener("change", choose);
    choose();
    this.#ask({
      title: "Pause a provider or a model?",
      consequences: [
        "Nothing new is asked of it until you resume. Jobs that wait for it wait on.",
        "Jobs that it works on are followed to their end.",
        "Whoever asks for something new is told that it rests for now.",
      ],
      fields: [target, name, reason],
      confirm: "Pause it",
      wanted: () => {
        const [scope, ...known] = wanted();
        return { action: "pause", scope, name: known.join(" ") || name.input.value.trim(), reason: reason.input.value };
      },
    });
  }

  #resume({ scope, name }) {
    const consequences = {
      sending: "What has waited is sent now, in order, as fast as Telegram takes it.",
      provider: "Jobs that have waited for it are asked for now.",
      model: "Jobs that have waited for it are asked for now.",
    };
    this.#ask({
      title: `Resume ${named({ scope, name })}?`,
      consequences: [consequences[scope]],
      confirm: "Resume",
      wanted: () => ({ action: "resume", scope, name }),
    });
  }

  #stepDown() {
    const { lead, others } = this.now;
    this.#ask({
      title: `Have ${lead} step down?`,
      consequences: [
        `It finishes what it is sending and gives the lead to another: ${others.join(" or ")}.`,
        "It stays up and stands by.",
        "Nobody sends for a moment, usually much less than a second. No message is lost, and none is answered twice.",
      ],
      confirm: "Step down",
      wanted: () => ({ action: "step_down" }),
    });
  }
}

/** What the latest jobs are made with; nothing where that cannot be told: a name can be written all the same. */
async function makers() {
  try {
    return await get("/ops/makers");
  } catch {
    return [];
  }
}

/** What can be paused, as values and texts: "provider kie" and "model z-image"; without a name, another one. */
function targets(known) {
  const providers = [...new Set(known.map(({ provider }) => provider))].map((name) => ["provider", name]);
  const models = [...new Set(known.map(({ model }) => model))].map((name) => ["model", name]);
  const [provider, model] = [["provider", "Another provider …"], ["model", "Another model …"]];
  const named = [...providers, ...models].map(([scope, name]) => [`${scope} ${name}`, `${scope} ${name}`]);
  return [...named, provider, model];
}

function named({ scope, name }) {
  return scope === "sending" ? "sending" : `${scope} ${name}`;
}

function button(text, press, kind = "") {
  return element("button", { type: "button", class: `button ${kind}`, text, onclick: press });
}
