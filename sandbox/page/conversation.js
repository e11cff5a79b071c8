// One person's chat with the bot: all that is on the screen of their phone, in their language. Its parts know it as
// `phone`: words, who the person is, and what a person can do.

import { Answers } from "./answers.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { element, initial, refresh } from "./dom.js";
import { Stream } from "./stream.js";
import { spoken, wordsOf } from "./words.js";

export class Conversation {
  #view = null;

  // Lives in `root` until `destroy`; `drawPeople` gets the people whenever something about them has changed.
  constructor(root, api, person, drawPeople) {
    Object.assign(this, {
      root,
      api,
      person,
      language: spoken(person.language_code),
      words: wordsOf(person.language_code),
    });
    this.botName = "";
    this.offline = false;
    this.avatar = element("span", { class: "avatar", "data-tint": "bot", "aria-hidden": "true" });
    this.title = element("h2");
    this.status = element("p", { class: "status" });
    const header = element("header", {}, this.avatar, element("div", {}, this.title, this.status));
    this.chat = new Chat(this);
    this.composer = new Composer(this);
    this.answers = new Answers(this);
    this.chat.node.append(this.answers.node);
    this.node = element("section", { class: "phone", lang: this.language }, header, this.chat.node, this.composer.node);
    root.append(this.node);
    const handlers = { chat: (view) => this.#draw(view), people: drawPeople };
    this.stream = new Stream(`${api.base}/stream/${person.id}`, handlers, (lost) => this.#lost(lost));
  }

  destroy() {
    this.stream.destroy();
    for (const part of [this.chat, this.composer, this.answers]) part.destroy();
    this.node.remove();
  }

  // What is in the text field and not sent yet.
  get unsent() {
    return this.composer.text.value;
  }

  set unsent(text) {
    this.composer.text.value = text;
  }

  // Tells, when that is known, whether it could be sent; so do `act` and `trying`.
  say(text, replyTo) {
    this.chat.follow();
    return this.act("send", { text, ...(replyTo ? { reply_to_message_id: replyTo } : {}) });
  }

  press(message, data) {
    this.act("press", { message_id: message.message_id, data });
  }

  askInline(query) {
    this.composer.write(`@${this.botName} ${query}`);
  }

  copy(text) {
    return this.trying(navigator.clipboard.writeText(text).then(() => this.toast(this.words.copied)));
  }

  toast(text) {
    this.answers.toast(text);
  }

  act(action, body) {
    return this.trying(this.api.post(`/user/${this.person.id}/${action}`, body));
  }

  // Say what has failed, and draw what is true: a button that was pressed in vain spins no more.
  async trying(request) {
    try {
      await request;
      return true;
    } catch (problem) {
      this.toast(
        problem.name === "TypeError" || problem.name === "TimeoutError" ? this.words.offline : problem.message,
      );
      if (this.#view) this.chat.draw(this.#view);
      return false;
    }
  }

  #draw(view) {
    this.#view = view;
    this.botName = view.bot.username;
    this.title.textContent = view.bot.first_name;
    this.avatar.textContent = initial(view.bot.first_name);
    this.chat.log.setAttribute("aria-label", `${this.words.chatWith} ${view.bot.first_name}`);
    this.chat.draw(view);
    this.composer.draw(view);
    this.answers.draw(view);
    this.#drawStatus();
  }

  #lost(lost) {
    this.offline = lost;
    this.#drawStatus();
  }

  #drawStatus() {
    const action = this.#view?.action;
    const text = this.offline ? this.words.offline : (this.words.actions[action] ?? this.words.bot);
    this.status.classList.toggle("offline", this.offline);
    refresh(this.status, [text, action], () => [
      element("span", { text }),
      ...(action && !this.offline ? [element("span", { class: "dots", "aria-hidden": "true" })] : []),
    ]);
  }
}
