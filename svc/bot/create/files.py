"""Which file of a message a model can work on: the right kind of content, and small enough to be fetched by a bot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from svc.bot.catalog import Part
from telegram_client.updates import File, Message

MAX_FILE = 20 * 2**20
"""What getFile gives a bot at most, in bytes."""


@dataclass(frozen=True)
class NoFile:
    """The message has no such file; `too_large`: it has one, of which a bot cannot get hold."""

    too_large: bool = False


def file_in(message: Message, part: Part) -> File | NoFile:
    """The file of `message` that can stand for a `part` (image, video or audio)."""
    found = _candidates(message, part)
    small = next((file for file in found if (file.file_size or 0) <= MAX_FILE), None)
    return small or NoFile(too_large=bool(found))


def _candidates(message: Message, part: Part) -> list[File]:
    """The files of this kind, the best first."""
    match part:
        case "image":
            return [*reversed(message.photo), *_documents(message, "image/")]
        case "video":
            # An animation comes with a document beside it, which is the same file.
            return _present((message.video, message.animation, message.video_note)) or _documents(message, "video/")
        case "audio":
            return _present((message.voice, message.audio)) or _documents(message, "audio/")
        case "prompt":
            return []


def _documents(message: Message, mime_type: str) -> list[File]:
    document = message.document
    return [document] if document is not None and (document.mime_type or "").startswith(mime_type) else []


def _present(files: Iterable[File | None]) -> list[File]:
    return [file for file in files if file is not None]
