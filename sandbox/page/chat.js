// The messages of a chat, by days. Rows stay as long as their message is there, so that videos play on; who is at the
// end stays there, and who reads further up is not moved.

import { element, icon } from "./dom.js";
import { keepingFocus } from "./focus.js";
import { MessageRow, serviceText } from "./message.js";

const DOWN = "M12 5v14M6 13l6 6 6-6";
const NEAR = 80; // pixels from the end that count as being there
const PATIENCE = 4000; // milliseconds until a message that the bot has not taken is worth a word

export class Chat {
  #rows = new Map(); // by key: the row, with its node
  #pendingSince = new Map(); // by what is pending: when it was first seen so
  #following = true;
  #top = 0; // where the log was scrolled to when that was last looked at
  #timer = 0;

  constructor(phone) {
    this.phone = phone;
    this.list = element("div", { class: "messages" });
    this.waiting = element("p", { class: "waiting", role: "status" });
    this.log = element(
      "section",
      { class: "log", role: "log", tabindex: 0, "aria-label": `${phone.words.chatWith} ${phone.botName}` },
      this.list,
      this.waiting,
    );
    this.newest = element(
      "button",
      { type: "button", class: "newest", "aria-label": phone.words.newest, hidden: true },
      icon(DOWN),
    );
    this.newest.addEventListener("click", () => this.follow());
    this.node = element("div", { class: "chat" }, this.log, this.newest);
    this.log.addEventListener("scroll", () => this.#scrolled());
    this.grown = new ResizeObserver(() => this.#stayAtEnd());
    this.grown.observe(this.list);
    this.grown.observe(this.waiting);
    this.grown.observe(this.log);
  }

  destroy() {
    clearTimeout(this.#timer);
    this.grown.disconnect();
  }

  // Go to the newest message and stay there.
  follow() {
    this.#following = true;
    this.#toEnd();
  }

  draw(view) {
    const pending = new Set(view.pending_message_ids);
    const edited = new Set(view.edited_message_ids);
    const facts = {
      taken: (id) => !pending.has(id),
      edited: (id) => edited.has(id),
      spinning: (id) =>
        new Set(view.presses.filter((press) => press.spins && press.message_id === id).map((press) => press.data)),
    };
    const items = arranged(view, this.phone);
    keepingFocus(this.list, () => {
      this.#arrange(items);
      for (const item of items) this.#rows.get(item.key).update(item, facts);
    });
    const late = [...pending, ...view.presses.filter((press) => press.pending).map((press) => press.id)];
    this.#tellWaiting(late);
    this.#stayAtEnd();
  }

  // Rows that have gone are removed first: then nothing that stays has to move, and keeps focus and sound.
  #arrange(items) {
    const keys = new Set(items.map((item) => item.key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.node.remove();
      this.#rows.delete(key);
    }
    items.forEach((item, at) => {
      if (!this.#rows.has(item.key)) this.#rows.set(item.key, newRow(item, this.phone));
      const { node } = this.#rows.get(item.key);
      if (this.list.children[at] !== node) this.list.insertBefore(node, this.list.children[at] ?? null);
    });
  }

  #tellWaiting(pending) {
    const now = performance.now();
    this.#pendingSince = new Map(pending.map((one) => [one, this.#pendingSince.get(one) ?? now]));
    clearTimeout(this.#timer);
    const oldest = Math.min(...this.#pendingSince.values());
    const late = now - oldest >= PATIENCE;
    const text = late ? this.phone.words.notTaken : "";
    if (this.waiting.textContent !== text) this.waiting.textContent = text;
    if (pending.length && !late)
      this.#timer = setTimeout(() => this.#tellWaiting(pending), PATIENCE - (now - oldest) + 10);
  }

  // Who has scrolled up in this very moment, of which no event tells yet, reads further up, too.
  #stayAtEnd() {
    if (this.log.scrollTop < this.#top) this.#scrolled();
    if (this.#following) this.#toEnd();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.#top = scrollTop;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR;
    this.newest.hidden = this.#following;
  }

  #toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.#top = this.log.scrollTop;
  }
}

// What is shown, from the top: days, messages (those of an album in one), and what the bot is writing.
function arranged(view, phone) {
  const items = [];
  for (const message of view.messages) {
    const day = new Date(message.date * 1000).toDateString();
    const service = serviceText(message, phone);
    const last = items.at(-1);
    if (last?.day !== day) items.push({ key: `day ${day}`, day, date: message.date });
    if (message.media_group_id && last?.album === message.media_group_id) last.messages.push(message);
    else if (service) items.push({ key: `${message.message_id}`, day, note: service });
    else items.push({ key: `${message.message_id}`, day, album: message.media_group_id, messages: [message] });
  }
  if (!items.length) items.push({ key: "empty", note: phone.words.empty });
  if (view.draft) items.push({ key: "draft", draft: view.draft });
  return items;
}

function newRow(item, phone) {
  if (item.messages) {
    const row = new MessageRow(item.key, phone);
    return { node: row.node, update: ({ messages }, facts) => row.update(messages, facts) };
  }
  if (item.draft) {
    const text = element("div", { class: "words" });
    const node = element("div", { class: "row theirs" }, element("div", { class: "bubble draft" }, text));
    return { node, update: ({ draft }) => (text.textContent = `${draft}…`) };
  }
  return { node: element("div", { class: "note", text: item.note ?? dayName(item.date, phone) }), update: () => {} };
}

function dayName(date, { language, words }) {
  const day = new Date(date * 1000);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(day).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return words.today;
  if (days === 1) return words.yesterday;
  const year = day.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return day.toLocaleDateString(language, { day: "numeric", month: "long", ...year });
}
