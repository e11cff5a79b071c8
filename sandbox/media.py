"""Files as a request gives them, by file_id, by URL or uploaded: read, checked as Telegram checks them, and kept.

Limits are those of the Bot API documentation ("Sending files"), words those of Client.cpp of tdlib/telegram-bot-api and
of TDLib's FileManager.cpp; what only Telegram's own servers say (the two refusals of a URL, IMAGE_PROCESS_FAILED,
PHOTO_INVALID_DIMENSIONS) is as bots have met it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sandbox.answers import (
    FILE_EMPTY,
    FILE_ID_INVALID,
    FILE_TOO_LARGE,
    NOT_A_PICTURE,
    PHOTO_INVALID_DIMENSIONS,
    URL_FAILED,
    URL_OF_WRONG_TYPE,
    MethodFailed,
    bad_request,
)
from sandbox.file_types import mime_type_of, picture_size
from sandbox.files import FileKind, Files, StoredFile
from sandbox.params import Params, Upload

MB = 1024 * 1024
MAX_UPLOAD = 50 * MB
MAX_PHOTO = 10 * MB
MAX_URL = 20 * MB
MAX_PHOTO_URL = 5 * MB
MAX_PHOTO_SIDES = 10_000
"""Pixels of width and height together."""
MAX_PHOTO_RATIO = 20

SEND_METHODS = {
    "sendPhoto": FileKind.PHOTO,
    "sendVideo": FileKind.VIDEO,
    "sendAnimation": FileKind.ANIMATION,
    "sendAudio": FileKind.AUDIO,
    "sendVoice": FileKind.VOICE,
    "sendDocument": FileKind.DOCUMENT,
    "sendVideoNote": FileKind.VIDEO_NOTE,
    "sendSticker": FileKind.STICKER,
}
WITHOUT_CAPTION = frozenset({FileKind.VIDEO_NOTE, FileKind.STICKER})

_BY_LOWER_CASE = {name.lower(): kind for name, kind in SEND_METHODS.items()}
_NAMES = {FileKind.VOICE: "VoiceNote", FileKind.VIDEO_NOTE: "VideoNote"}
# What is taken by URL: the beginnings of types. Photos are looked at themselves; video notes are not taken at all.
_TYPES_BY_URL: Mapping[FileKind, tuple[str, ...]] = {
    FileKind.VIDEO: ("video/",),
    FileKind.ANIMATION: ("image/gif", "video/"),
    FileKind.AUDIO: ("audio/",),
    FileKind.VOICE: ("audio/",),
    FileKind.DOCUMENT: ("image/gif", "application/pdf", "application/zip"),
    FileKind.STICKER: ("image/webp", "video/webm"),
    FileKind.VIDEO_NOTE: (),
}
# What a request may say of a file, and a message says then.
_NUMBERS = ("duration", "width", "height", "length")
_TEXTS = ("title", "performer", "emoji")
_DETAILS: Mapping[FileKind, tuple[str, ...]] = {
    FileKind.PHOTO: (),
    FileKind.VIDEO: ("duration", "width", "height"),
    FileKind.ANIMATION: ("duration", "width", "height"),
    FileKind.AUDIO: ("duration", "title", "performer"),
    FileKind.VOICE: ("duration",),
    FileKind.DOCUMENT: (),
    FileKind.VIDEO_NOTE: ("duration", "length"),
    FileKind.STICKER: ("emoji",),
}


class GivenFile(NamedTuple):
    """A file as a request names it: `remote` is a file_id or a URL, or else it was uploaded."""

    remote: str
    upload: Upload | None

    @property
    def source(self) -> str:
        """What the bot gave, in a word."""
        return self.upload.name if self.upload else self.remote


def given_file(params: Params, name: str) -> GivenFile | None:
    """The file that the parameter `name` gives; None if it gives none."""
    value = params.text(name).strip()
    if value.startswith("attach://"):
        upload = params.upload(value.removeprefix("attach://"))
    elif value:
        return GivenFile(value, None)
    else:
        upload = params.upload(name)
    return GivenFile("", upload) if upload else None


def stored_file(files: Files, kind: FileKind, given: GivenFile, params: Params) -> StoredFile:
    """The file, kept if it is new. Raises MethodFailed for one that cannot be sent as `kind`."""
    details = _details(kind, params)
    if given.upload:
        _check_upload(kind, given.upload)
        return files.add(kind, given.upload, details)
    if is_url(given.remote):
        fetched = _fetched(kind, given.remote, params)
        return files.add(kind, fetched, details)
    found = files.get(given.remote)
    if found is None:
        raise MethodFailed(FILE_ID_INVALID)
    # What is a document to Telegram may be sent by any method, and stays what it is.
    if (found.kind is FileKind.PHOTO) != (kind is FileKind.PHOTO):
        raise MethodFailed(bad_request(f"can't use file of type {_name(found.kind)} as {_name(kind)}"))
    return found


def urls_in(method: str, params: Params) -> Iterator[tuple[str, int]]:
    """The URLs whose files a call needs, and how many bytes each may have."""
    for kind, holder, name in _file_parameters(method, params):
        given = given_file(holder, name)
        if given and given.remote and is_url(given.remote):
            yield given.remote, MAX_PHOTO_URL if kind is FileKind.PHOTO else MAX_URL


def is_url(remote: str) -> bool:
    """Whether this is taken for a URL; a file_id has neither of these characters."""
    return "." in remote or ":" in remote


def _file_parameters(method: str, params: Params) -> Iterator[tuple[FileKind | None, Params, str]]:
    kind = _BY_LOWER_CASE.get(method.lower())
    if kind:
        yield kind, params, str(kind)
    if method.lower() not in {"sendmediagroup", "editmessagemedia"}:
        return
    try:
        media = params.json("media")
    except ValueError:
        return
    for item in media if isinstance(media, list) else [media]:
        if isinstance(item, Mapping):
            fields = params.within(item)
            yield FileKind.PHOTO if fields.text("type") == "photo" else None, fields, "media"


def _fetched(kind: FileKind, url: str, params: Params) -> Upload:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise MethodFailed(bad_request("invalid file HTTP URL specified: Unsupported URL protocol"))
    if not parts.hostname:
        raise MethodFailed(bad_request("invalid file HTTP URL specified: URL host is empty"))
    fetched = params.fetched.get(url)
    if fetched is None or len(fetched.content) > (MAX_PHOTO_URL if kind is FileKind.PHOTO else MAX_URL):
        raise MethodFailed(URL_FAILED)
    if kind is FileKind.PHOTO:
        fits = picture_size(fetched.content) is not None
    else:
        fits = mime_type_of(fetched.content, fetched.name, fetched.mime_type).startswith(_TYPES_BY_URL[kind])
    if not fits:
        raise MethodFailed(URL_OF_WRONG_TYPE)
    if kind is FileKind.PHOTO:
        _check_dimensions(fetched)
    return fetched


def _check_upload(kind: FileKind, upload: Upload) -> None:
    size = len(upload.content)
    if size > MAX_UPLOAD:
        raise MethodFailed(FILE_TOO_LARGE)
    if not size:
        raise MethodFailed(FILE_EMPTY)
    if kind is not FileKind.PHOTO:
        return
    if size > MAX_PHOTO:
        why = f"file of size {size} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes"
        raise MethodFailed(bad_request(why))
    if picture_size(upload.content) is None:
        raise MethodFailed(NOT_A_PICTURE)
    _check_dimensions(upload)


def _check_dimensions(photo: Upload) -> None:
    size = picture_size(photo.content)
    assert size is not None
    if sum(size) > MAX_PHOTO_SIDES or max(size) > MAX_PHOTO_RATIO * min(size):
        raise MethodFailed(PHOTO_INVALID_DIMENSIONS)


def _details(kind: FileKind, params: Params) -> dict[str, Any]:
    """What the request says of the file. A duration and a length are in every message that could have them."""
    wanted = _DETAILS[kind]
    told: dict[str, Any] = {name: max(params.integer(name), 0) for name in _NUMBERS if name in wanted}
    told.update({name: text for name in _TEXTS if name in wanted and (text := params.text(name))})
    if kind is FileKind.STICKER:
        told.update({"type": "regular", "is_animated": False, "is_video": False})
    return told


def _name(kind: FileKind) -> str:
    return _NAMES.get(kind, kind.capitalize())
