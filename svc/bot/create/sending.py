"""How a file gets to a person: the calls that may do it, the best first, the next where Telegram refuses one.

By its address where Telegram fetches it, else uploaded, else uploaded as a plain document, else as a link in words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from svc.bot.create.ordering import Ordered
from svc.bot.view import keyboard
from svc.bot.views.result import caption, is_to_be_had, link, lost, result_rows
from svc.handler.job import FileKind, Job, ResultFile
from svc.handler.reply import Call, RemoteFile

MiB = 2**20


@dataclass(frozen=True)
class Shape:
    """As what a file is sent: the method, its parameter, and how large it may be by address and uploaded, in bytes."""

    method: str
    parameter: str
    by_url: int = 20 * MiB
    uploaded: int = 50 * MiB


SHAPES: Mapping[FileKind, Shape] = {
    "photo": Shape("sendPhoto", "photo", 5 * MiB, 10 * MiB),
    "video": Shape("sendVideo", "video"),
    "audio": Shape("sendAudio", "audio"),
    "document": Shape("sendDocument", "document"),
}
ANIMATION = Shape("sendAnimation", "animation")
DOCUMENT = SHAPES["document"]

# What Telegram shows as what it is; anything else of these kinds goes as a document.
_PLAYED: Mapping[FileKind, frozenset[str]] = {
    "video": frozenset({".mp4", ""}),
    "audio": frozenset({".mp3", ".m4a", ""}),
}
# Documents of other types are not fetched by Telegram.
_FETCHED_DOCUMENTS = frozenset({".pdf", ".zip", ".gif"})
_NOT_IN_NAMES = re.compile(r"[^\w.]+")


def shape_of(file: ResultFile) -> Shape:
    """As what a result is sent."""
    suffix = _suffix(file)
    if suffix == ".gif":
        return ANIMATION
    played = _PLAYED.get(file.kind)
    return DOCUMENT if played is not None and suffix not in played else SHAPES[file.kind]


def file_name(job: Job, ordered: Ordered, index: int) -> str:
    """What a result is called where it is uploaded: by its model, for the provider's name is a long number."""
    stem = _NOT_IN_NAMES.sub("-", ordered.title).strip("-.") or "result"
    number = f"-{index + 1}" if len(job.results) > 1 else ""
    return f"{stem}{number}{_suffix(job.results[index])}"


def ways_to_send(where: Mapping[str, Any], job: Job, ordered: Ordered, index: int) -> tuple[Call, ...]:
    """The calls that may send the result number `index`, the best first; each would do."""
    file, shape = job.results[index], shape_of(job.results[index])
    common, name = {**where, **_under(job, ordered, index)}, file_name(job, ordered, index)
    calls = []
    if _fits(file, shape.by_url) and (shape != DOCUMENT or _suffix(file) in _FETCHED_DOCUMENTS):
        calls.append(Call(shape.method, {**common, shape.parameter: file.url, **_extra(shape)}))
    if _fits(file, shape.uploaded):
        upload = RemoteFile(file.url, name, shape.uploaded)
        calls.append(Call(shape.method, {**common, shape.parameter: upload, **_extra(shape)}))
    if shape != DOCUMENT and _fits(file, DOCUMENT.uploaded):
        upload = RemoteFile(file.url, name, DOCUMENT.uploaded)
        calls.append(Call(DOCUMENT.method, {**common, DOCUMENT.parameter: upload, **_extra(DOCUMENT)}))
    return *calls, Call("sendMessage", {**where, **link(job, ordered, index).params()})


def ways_to_send_again(
    where: Mapping[str, Any], job: Job, ordered: Ordered, index: int, now: float
) -> tuple[Call, ...]:
    """The calls that may send a result once more: what Telegram has of it, else from the provider as long as it is
    kept there, else words."""
    calls: list[Call] = []
    if index == 0:
        calls.extend(_from_telegram(where, job, ordered))
    file = job.results[index] if index < len(job.results) else None
    if is_to_be_had(file, job.ended_at, now):
        return *calls, *ways_to_send(where, job, ordered, index)
    return *calls, Call("sendMessage", {**where, **lost(job, ordered).params()})


def can_be_sent_again(job: Job, now: float) -> bool:
    """Whether there is anything to send."""
    file = job.results[0] if job.results else None
    return job.file_id is not None or job.sent_id is not None or is_to_be_had(file, job.ended_at, now)


def _from_telegram(where: Mapping[str, Any], job: Job, ordered: Ordered) -> list[Call]:
    """Its file by the name that Telegram has given it; where that is not known, a copy of the message that brought it.

    Not the copy as well: one whose answer is lost cannot be found out.
    """
    if job.file_id is not None and job.file_kind is not None:
        shape = ANIMATION if job.results and shape_of(job.results[0]) == ANIMATION else SHAPES[job.file_kind]
        return [Call(shape.method, {**where, shape.parameter: job.file_id, **_under(job, ordered, 0)})]
    if job.sent_id is not None:
        source = {"from_chat_id": job.chat_id, "message_id": job.sent_id}
        rows = {"reply_markup": keyboard(result_rows(job, ordered, 0))}
        return [Call("copyMessage", {**where, **source, **rows})]
    return []


def _under(job: Job, ordered: Ordered, index: int) -> dict[str, Any]:
    """The caption and the buttons."""
    return {
        "caption": caption(job, ordered, index),
        "parse_mode": "HTML",
        "reply_markup": keyboard(result_rows(job, ordered, index)),
    }


def _extra(shape: Shape) -> dict[str, Any]:
    if shape.method == "sendVideo":
        return {"supports_streaming": True}
    # Without it a picture sent as a document may become a sticker.
    return {"disable_content_type_detection": True} if shape == DOCUMENT else {}


def _fits(file: ResultFile, most: int) -> bool:
    return file.size is None or file.size <= most


def _suffix(file: ResultFile) -> str:
    return PurePosixPath(file.name).suffix.lower()
