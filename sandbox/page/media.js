// Files of messages: pictures, videos, sounds, stickers, documents. What cannot be shown is offered as a file.

import { element, icon } from "./dom.js";

const PAGE = "M6 3h8l5 5v13H6zM14 3v5h5";
const SIZES = [
  ["megabyte", 1e6],
  ["kilobyte", 1e3],
  ["byte", 1],
];

// The nodes for the file of a message, none if it has none.
export function mediaOf(message, phone) {
  const { words } = phone;
  if (message.photo) return [photo(message.photo.at(-1), message.caption || words.photo, phone)];
  if (message.animation) return [animation(message.animation, phone)];
  if (message.video) return [video(message.video, words.video, phone)];
  if (message.video_note) return [video(message.video_note, words.video, phone, "round")];
  if (message.audio) return [sound(message.audio, words.sound, phone)];
  if (message.voice) return [sound(message.voice, words.voice, phone)];
  if (message.sticker) return [sticker(message.sticker, phone)];
  if (message.document) return [attachment(message.document, phone)];
  return [];
}

// Whether it fills the bubble from edge to edge.
export const isPicture = (message) =>
  Boolean(message.photo || message.video || message.animation || message.video_note);

function photo(file, description, phone) {
  const picture = image(file, description, phone);
  const node = element(
    "button",
    { type: "button", class: "photo", "aria-label": `${phone.words.open}: ${description}` },
    picture,
  );
  node.addEventListener("click", () => enlarge(file, description, phone));
  picture.addEventListener("error", () => node.replaceWith(attachment(file, phone)), { once: true });
  return node;
}

function image(file, description, phone) {
  return element("img", {
    src: phone.api.media(file),
    alt: description,
    width: file.width || null,
    height: file.height || null,
  });
}

function enlarge(file, description, phone) {
  const dialog = element("dialog", { class: "lightbox", "aria-label": description });
  const close = element(
    "button",
    { type: "button", "aria-label": phone.words.close, on: { click: () => dialog.close() } },
    icon("M6 6l12 12M18 6L6 18"),
  );
  dialog.append(image(file, description, phone), close);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  phone.root.append(dialog);
  dialog.showModal();
}

function animation(file, phone) {
  if (file.mime_type === "image/gif") return photo(file, file.file_name ?? phone.words.photo, phone);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const node = video(file, phone.words.video, phone);
  Object.assign(node, { muted: true, loop: true, autoplay: !still, controls: still });
  return node;
}

function video(file, label, phone, shape = "") {
  const node = element("video", {
    src: phone.api.media(file),
    controls: true,
    playsinline: true,
    preload: "metadata",
    class: shape,
    "aria-label": label,
    width: file.width || file.length || null,
    height: file.height || file.length || null,
  });
  node.addEventListener("error", () => node.replaceWith(attachment(file, phone)), { once: true });
  return node;
}

function sound(file, label, phone) {
  const title = [file.performer, file.title].filter(Boolean).join(" – ") || file.file_name;
  const node = element("audio", {
    src: phone.api.media(file),
    controls: true,
    preload: "metadata",
    "aria-label": title || label,
  });
  const box = element("div", { class: "sound" }, ...(title ? [element("span", { text: title })] : []), node);
  node.addEventListener("error", () => box.replaceWith(attachment({ file_name: label, ...file }, phone)), {
    once: true,
  });
  return box;
}

function sticker(file, phone) {
  const label = `${phone.words.sticker} ${file.emoji ?? ""}`.trim();
  const node = file.is_video
    ? Object.assign(video(file, label, phone), { muted: true, loop: true, autoplay: true, controls: false })
    : element("img", { src: phone.api.media(file), alt: label, width: 160, height: 160 });
  node.classList.add("sticker");
  node.addEventListener(
    "error",
    () => node.replaceWith(element("span", { class: "emoji", text: file.emoji ?? "🙂" })),
    { once: true },
  );
  return node;
}

function attachment(file, phone) {
  const name = file.file_name ?? phone.words.file;
  const link = element("a", { class: "document", href: phone.api.media(file), download: name }, icon(PAGE));
  link.append(element("span", {}, element("b", { text: name }), element("small", { text: sizeOf(file, phone) })));
  return link;
}

function sizeOf({ file_size: bytes = 0 }, phone) {
  const [unit, large] = SIZES.find(([, large]) => bytes >= large) ?? SIZES.at(-1);
  const unitDisplay = unit === "byte" ? "long" : "short"; // "5 bytes" in short would be "5 byte"
  const shown = { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(phone.language, shown).format(bytes / large);
}
