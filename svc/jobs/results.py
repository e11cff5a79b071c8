"""What a provider has made: its files are looked at before the person is told, so that they are known to be there.

How Telegram is to be given a file depends on its kind and size, which only the server that holds it can tell.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx
import trio

from svc.handler.job import FileKind, ResultFile

CONNECTIONS = 8
CONNECT_TIMEOUT = 5.0
LOOK_DEADLINE = 15.0
MOST_REDIRECTS = 3
LONGEST_NAME = 64

# The formats that Telegram shows as what they are (https://core.telegram.org/bots/api#sendphoto and below); any other
# goes as a document, which takes everything. So does a GIF, which the app plays all the same.
_KINDS: dict[str, FileKind] = {
    "image/jpeg": "photo",
    "image/png": "photo",
    "image/webp": "photo",
    "video/mp4": "video",
    "video/quicktime": "video",
    "audio/mpeg": "audio",
    "audio/mp4": "audio",
    "audio/x-m4a": "audio",
    "audio/ogg": "audio",
    "audio/wav": "audio",
}
_SAME_TYPE = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
}
# What a server says that does not know.
_SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream", "text/plain")
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/mp4": ".m4a",
    "image/webp": ".webp",
}
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


class NotThere(Exception):
    """The address does not lead to a file any more: 403, 404 or 410."""


class CannotLook(Exception):
    """It cannot be told now what is there. The message has no address: some hold a signature."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a server says of a file. `size` in bytes, None if it does not tell."""

    content_type: str
    size: int | None


class ResultServers:
    """The servers that hold results, asked over httpx. Made by `open_result_servers`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        # httpx's pool can wedge where tasks wait for its connections and are cancelled (httpcore issue 1093).
        self._connections = trio.CapacityLimiter(CONNECTIONS)

    async def head(self, url: str) -> Head:
        """What is at this address. Raises NotThere, CannotLook."""
        if not url.startswith(("http://", "https://")):
            raise NotThere("not an address of the web")
        with trio.move_on_after(LOOK_DEADLINE):
            async with self._connections:
                try:
                    return await self._head(url)
                except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, ValueError) as error:
                    raise CannotLook(type(error).__name__) from None
        raise CannotLook(f"no answer within {LOOK_DEADLINE:.0f} s")

    async def _head(self, url: str) -> Head:
        answer = await self._client.head(url)
        if answer.is_success:
            return Head(_content_type(answer), _number(answer.headers.get("content-length")))
        # Many an address is signed for GET alone, and some servers do not know HEAD.
        async with self._client.stream("GET", url, headers={"Range": "bytes=0-0"}) as answer:
            if answer.status_code in (403, 404, 410):
                raise NotThere(f"{answer.status_code}")
            if not answer.is_success:
                raise CannotLook(f"{answer.status_code}")
            return Head(_content_type(answer), _whole_size(answer))


@asynccontextmanager
async def open_result_servers(
    open_transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
) -> AsyncIterator[ResultServers]:
    """What looks at results, until the end of the block; over the network unless `open_transport` is given."""
    async with httpx.AsyncClient(
        transport=open_transport() if open_transport is not None else None,
        timeout=httpx.Timeout(LOOK_DEADLINE, connect=CONNECT_TIMEOUT),
        limits=httpx.Limits(max_connections=CONNECTIONS),
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
    ) as client:
        yield ResultServers(client)


def result_file(url: str, head: Head, number: int = 1) -> ResultFile:
    """The file at `url`, the result with this number, as the server has told of it."""
    content_type = head.content_type.partition(";")[0].strip().lower()
    content_type = _SAME_TYPE.get(content_type, content_type)
    name = _NOT_IN_NAMES.sub("_", PurePosixPath(unquote(urlsplit(url).path)).name).strip("._")
    stem, dot, extension = name.rpartition(".")
    if content_type in _SAYS_NOTHING:
        guessed = mimetypes.guess_type(f"file.{extension}")[0] if dot else None
        content_type = _SAME_TYPE.get(guessed or "", guessed or "")
    suffix = (
        _EXTENSIONS.get(content_type) or mimetypes.guess_extension(content_type) or (f".{extension}" if dot else "")
    )
    stem = (stem if dot else name) or f"result_{number}"
    return ResultFile(url, _KINDS.get(content_type, "document"), f"{stem[:LONGEST_NAME]}{suffix[:12]}", head.size)


def _content_type(answer: httpx.Response) -> str:
    content_type: str = answer.headers.get("content-type", "")
    return content_type


def _whole_size(answer: httpx.Response) -> int | None:
    if answer.status_code == 206:
        return _number(answer.headers.get("content-range", "").rpartition("/")[2])
    return _number(answer.headers.get("content-length"))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
