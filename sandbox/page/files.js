// Sending a file: as what the app would send it, with what the app would say of it.

import { element } from "./dom.js";

// Send `file` to the bot. Fails with the sandbox's words if it is refused.
export async function sendFile(phone, file, caption) {
  const kind = kindOf(file.type);
  const told = { kind, name: file.name, caption, ...(await measured(file, kind)) };
  const path = `/user/${phone.person.id}/file?${new URLSearchParams(told)}`;
  await phone.api.send("POST", path, file, file.type || "application/octet-stream");
}

function kindOf(mimeType) {
  const [type, subtype] = mimeType.split("/");
  if (subtype === "gif") return "animation";
  if (type === "image") return /png|jpe?g|webp/.test(subtype) ? "photo" : "document";
  if (type === "audio") return /ogg|opus|webm/.test(subtype) ? "voice" : "audio";
  return type === "video" ? "video" : "document";
}

// The duration and the size of a video or a sound that the browser can play.
function measured(file, kind) {
  if (!["video", "audio", "voice"].includes(kind)) return {};
  const player = element(kind === "video" ? "video" : "audio", { preload: "metadata" });
  return new Promise((resolve) => {
    const end = (told) => {
      URL.revokeObjectURL(player.src);
      resolve(told);
    };
    player.onloadedmetadata = () =>
      end({
        ...(Number.isFinite(player.duration) ? { duration: Math.ceil(player.duration) } : {}),
        ...(player.videoWidth ? { width: player.videoWidth, height: player.videoHeight } : {}),
      });
    player.onerror = () => end({});
    player.src = URL.createObjectURL(file);
  });
}
