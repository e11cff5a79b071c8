// A message, or the messages of an album, as one row of the chat. Each part is drawn again only when it has changed.

import { element, icon, refresh } from "./dom.js";
import { formatted } from "./entities.js";
import { drawKeyboard } from "./keyboard.js";
import { isPicture, mediaOf } from "./media.js";

const ONE_TICK = "M5 13l4 4L19 7";
const TWO_TICKS = "M2 13l4 4L15 7M11 16l1 1L22 7";

// One to three emoji and nothing else are shown large, without a bubble.
const FEW_EMOJI =
  /^(\p{Extended_Pictographic}[\u{FE0F}\u{1F3FB}-\u{1F3FF}]*(\u{200D}\p{Extended_Pictographic}\u{FE0F}?)*){1,3}$/u;

export class MessageRow {
  constructor(key, phone) {
    this.phone = phone;
    const part = (name) => (this[name] = element("div", { class: name }));
    this.bubble = element(
      "div",
      { class: "bubble" },
      part("origin"),
      part("reply"),
      part("media"),
      part("words"),
      part("meta"),
    );
    this.node = element("article", { "data-row": key, tabindex: -1 }, this.bubble, part("keyboard"));
  }

  // `messages` are those of the row. Of a message's id `taken` tells whether the bot has it, `edited` whether it says
  // so, `spinning` the callback data of presses that wait.
  update(messages, { taken, edited, spinning }) {
    const { phone } = this;
    const last = messages.at(-1);
    const worded = messages.find((message) => message.text ?? message.caption) ?? last;
    const mine = !last.from.is_bot || Boolean(last.via_bot);
    const text = worded.text ?? worded.caption ?? other(last, phone);
    const pictures = messages.every(isPicture);
    const large = FEW_EMOJI.test(last.text ?? "");
    const bare = large || (Boolean(last.sticker || last.video_note) && !text);
    this.node.className = `row ${mine ? "mine" : "theirs"}`;
    this.bubble.className = ["bubble", pictures && "pictured", bare && "bare", large && "large", !text && "wordless"]
      .filter(Boolean)
      .join(" ");
    this.media.classList.toggle("album", messages.length > 1 && pictures);
    refresh(this.origin, [last.forward_origin, last.via_bot], () => origin(last, phone));
    refresh(this.reply, last.reply_to_message ?? null, () => replied(last.reply_to_message, phone));
    refresh(this.media, messages.map(files), () => messages.flatMap((message) => mediaOf(message, phone)));
    refresh(this.words, [text, worded.entities, worded.caption_entities], () => [
      ...(text ? [formatted(text, worded.entities ?? worded.caption_entities, phone)] : []),
    ]);
    const ids = messages.map((message) => message.message_id);
    this.#drawMeta(last, { mine, taken: ids.every(taken), edited: ids.some(edited) });
    drawKeyboard(this.keyboard, last, spinning(last.message_id), phone);
  }

  #drawMeta(message, { mine, taken, edited }) {
    const { words, language } = this.phone;
    const time = new Date(message.date * 1000);
    const clock = time.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const note = edited ? words.edited : "";
    // The end of the text leaves room for this, which stands beside it.
    this.words.dataset.meta = `${note} ${clock}${mine ? " ✓✓" : ""}`;
    refresh(this.meta, [note, clock, mine, taken], () => [
      ...(note ? [element("span", { text: note }), " "] : []),
      element("time", { datetime: time.toISOString(), text: clock, title: time.toLocaleString(language) }),
      ...(mine ? [taken ? icon(TWO_TICKS, words.delivered) : icon(ONE_TICK, words.sent)] : []),
    ]);
  }
}

// What a message says that is no text: a service message of its own row.
export function serviceText(message, phone) {
  return message.pinned_message ? `${message.from.first_name} ${phone.words.pinned}` : null;
}

// The fields that its file is drawn from.
function files({ photo, animation, video, video_note, audio, voice, sticker, document, caption }) {
  return [photo, animation, video, video_note, audio, voice, sticker, document, photo && caption];
}

function origin(message, phone) {
  const { forward_origin: from, via_bot: bot } = message;
  const name = from?.sender_user?.first_name ?? from?.sender_user_name ?? from?.chat?.title ?? from?.sender_chat?.title;
  return [
    ...(from ? [element("span", { text: `${phone.words.forwarded} ${name ?? "?"}` })] : []),
    ...(bot ? [element("span", { text: `${phone.words.via} @${bot.username}` })] : []),
  ];
}

function replied(message, phone) {
  if (!message) return [];
  const name = message.from?.first_name ?? "";
  return [
    element("b", { text: name }),
    element("span", { text: message.text ?? message.caption ?? kindOf(message, phone) }),
  ];
}

function kindOf(message, { words }) {
  const kinds = {
    photo: words.photo,
    video: words.video,
    animation: words.video,
    voice: words.voice,
    audio: words.sound,
    sticker: words.sticker,
    document: words.file,
  };
  return kinds[Object.keys(kinds).find((kind) => message[kind])] ?? words.message;
}

// Words for what has neither a text nor a file that can be shown.
function other(message, phone) {
  if (files(message).some(Boolean)) return "";
  const { contact, venue, location, poll, dice } = message;
  if (contact) return `👤 ${contact.first_name} ${contact.phone_number}`;
  if (venue) return `📍 ${venue.title}\n${venue.address}`;
  if (location) return `📍 ${location.latitude}, ${location.longitude}`;
  if (poll) return [`📊 ${poll.question}`, ...poll.options.map((option) => `○ ${option.text}`)].join("\n");
  if (dice) return `${dice.emoji} ${dice.value}`;
  return phone.words.message;
}
