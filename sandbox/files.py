"""The files that this Telegram has: kept in memory, up to a bound, known by file_id."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.file_types import PICTURES, Size, mime_type_of, picture_size, video_facts
from sandbox.params import Upload

MAX_STORED = 200 * 1024 * 1024
"""Bytes; the oldest files are forgotten when there are more."""
MAX_FILES = 20_000
MAX_DOWNLOAD = 20 * 1024 * 1024
"""What a bot may download with getFile (Bot API documentation)."""

_SMALLER = (("s", 90), ("m", 320), ("x", 800))
"""The sizes of a photo besides the whole one: their letter, and the longer side at most."""
_LARGEST = 2560


class FileKind(StrEnum):
    """What a file is sent as: the name of the parameter, and of the field in a message."""

    PHOTO = "photo"
    VIDEO = "video"
    ANIMATION = "animation"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    VIDEO_NOTE = "video_note"
    STICKER = "sticker"


# How the file_ids of Telegram begin, by which people tell them apart in logs.
_PREFIXES = {
    FileKind.PHOTO: "AgACAgIAAxkBAAI",
    FileKind.VIDEO: "BAACAgIAAxkBAAI",
    FileKind.ANIMATION: "CgACAgIAAxkBAAI",
    FileKind.AUDIO: "CQACAgIAAxkBAAI",
    FileKind.VOICE: "AwACAgIAAxkBAAI",
    FileKind.DOCUMENT: "BQACAgIAAxkBAAI",
    FileKind.VIDEO_NOTE: "DQACAgIAAxkBAAI",
    FileKind.STICKER: "CAACAgIAAxkBAAI",
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is kept, with what a message says of it besides: duration, title, emoji, ...

    A photo's smaller sizes are files of their own to those who ask, with the same content: nothing is scaled here.
    """

    kind: FileKind
    file_id: str
    unique_id: str
    content: bytes = field(repr=False)
    name: str
    mime_type: str
    size: Size | None
    details: dict[str, Any]

    @property
    def path(self) -> str:
        """The `file_path` of getFile."""
        folder = {FileKind.PHOTO: "photos", FileKind.VOICE: "voice"}.get(self.kind, f"{self.kind}s")
        suffix = self.name.rpartition(".")[2] if "." in self.name else _suffix(self.mime_type)
        return f"{folder}/{self.unique_id}.{suffix}"

    def content_fields(self) -> dict[str, Any]:
        """What a message that shows it has of it."""
        if self.kind is FileKind.PHOTO:
            return {"photo": self._photo_sizes()}
        described = {
            "file_id": self.file_id,
            "file_unique_id": self.unique_id,
            "file_size": len(self.content),
            **self.details,
        }
        if self.kind in _WITH_NAME:
            described["file_name"] = self.name
        if self.kind in _WITH_TYPE:
            described["mime_type"] = self.mime_type
        if self.kind in _WITH_SIZE:
            size = self.size or Size(0, 0)
            described = {"width": size.width, "height": size.height, **described}
        fields = {str(self.kind): described}
        if self.kind is FileKind.ANIMATION:
            # Telegram gives it twice, for bots that know no animations.
            fields["document"] = {
                key: value for key, value in described.items() if key.startswith("file") or key == "mime_type"
            }
        return fields

    def ids(self) -> list[str]:
        """All the file_ids by which it is known."""
        if self.kind is not FileKind.PHOTO:
            return [self.file_id]
        return [size["file_id"] for size in self._photo_sizes()]

    def _photo_sizes(self) -> list[dict[str, Any]]:
        assert self.size is not None
        whole = _fitting(self.size, _LARGEST)
        smaller = [
            self._photo_size(f"{self.file_id}{letter}", f"{self.unique_id}{letter}", _fitting(self.size, side))
            for letter, side in _SMALLER
            if side < max(whole)
        ]
        return [*smaller, self._photo_size(self.file_id, self.unique_id, whole)]

    def _photo_size(self, file_id: str, unique_id: str, size: Size) -> dict[str, Any]:
        return {
            "file_id": file_id,
            "file_unique_id": unique_id,
            "file_size": len(self.content),
            "width": size.width,
            "height": size.height,
        }


_WITH_NAME = frozenset({FileKind.VIDEO, FileKind.ANIMATION, FileKind.AUDIO, FileKind.DOCUMENT})
_WITH_TYPE = _WITH_NAME | {FileKind.VOICE}
_WITH_SIZE = frozenset({FileKind.VIDEO, FileKind.ANIMATION, FileKind.STICKER})


class Files:
    """The files of one Telegram. Whoever has the file_id has the file: all bots share them here."""

    def __init__(self) -> None:
        self._by_id: dict[str, StoredFile] = {}
        self._in_order: OrderedDict[str, StoredFile] = OrderedDict()
        self._by_path: dict[str, StoredFile] = {}
        self._bytes = 0
        self._number = 0

    def add(self, kind: FileKind, upload: Upload, details: dict[str, Any] | None = None) -> StoredFile:
        """Keep a file; a GIF that is sent as a video or a document is an animation, as in Telegram.

        `details` are the fields that a message has of it besides, such as its `duration`.
        """
        mime_type = mime_type_of(upload.content, upload.name, upload.mime_type)
        if mime_type == "image/gif" and kind in {FileKind.VIDEO, FileKind.DOCUMENT}:
            kind = FileKind.ANIMATION
        self._number += 1
        digest = hashlib.sha256(self._number.to_bytes(8) + upload.content).hexdigest()
        details = dict(details or {})
        told = Size(details.pop("width", 0), details.pop("height", 0))
        video = video_facts(upload.content)
        if video and not details.get("duration", 1):
            details["duration"] = math.ceil(video.duration)
        file = StoredFile(
            kind,
            f"{_PREFIXES[kind]}{digest[:40]}",
            f"AQAD{digest[:12]}",
            upload.content,
            upload.name or f"file.{_suffix(mime_type)}",
            mime_type,
            told if all(told) else video.size if video else picture_size(upload.content),
            details,
        )
        self._keep(file)
        return file

    def get(self, file_id: str) -> StoredFile | None:
        """The file with this file_id; None for one that never was or has been forgotten."""
        return self._by_id.get(file_id)

    def at_path(self, path: str) -> StoredFile | None:
        """The file with this `file_path`."""
        return self._by_path.get(path)

    def _keep(self, file: StoredFile) -> None:
        self._in_order[file.file_id] = file
        self._by_path[file.path] = file
        self._by_id.update(dict.fromkeys(file.ids(), file))
        self._bytes += len(file.content)
        while (self._bytes > MAX_STORED or len(self._in_order) > MAX_FILES) and len(self._in_order) > 1:
            self._forget(self._in_order.popitem(last=False)[1])

    def _forget(self, file: StoredFile) -> None:
        self._bytes -= len(file.content)
        del self._by_path[file.path]
        for file_id in file.ids():
            del self._by_id[file_id]


def is_picture(upload: Upload) -> bool:
    """Whether it can be a photo: a picture whose header can be read."""
    return picture_size(upload.content) is not None


def _fitting(size: Size, side: int) -> Size:
    """The size, scaled down so that the longer side is `side` at most."""
    scale = min(1.0, side / max(size))
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def _suffix(mime_type: str) -> str:
    known = {"audio/ogg": "oga", "video/mp4": "mp4", "audio/mpeg": "mp3", "audio/x-wav": "wav", "image/jpeg": "jpg"}
    if mime_type in PICTURES and mime_type not in known:
        return mime_type.partition("/")[2]
    return known.get(mime_type, "bin")
