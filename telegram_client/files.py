"""Files in messages: what Telegram calls those that were sent, and reading those that a person has sent.

A file is read in two steps: getFile tells a path, and a GET under the Bot API's own root brings the content. Both can
be repeated. The address of the second holds the token, so no error here shows it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal, Protocol

import httpx

from telegram_client.connections import OpenTransport
from telegram_client.downloads import Answer, open_get
from telegram_client.errors import NotSent, Refused
from telegram_client.sender import Sender

MOST_BYTES = 20 * 2**20
"""What a bot may download, https://core.telegram.org/bots/api#getfile."""

# The name of the second step, in errors.
DOWNLOAD = "download"

FileKind = Literal["photo", "video", "audio", "document"]

# In this order: a message with an animation names it as a document as well.
_KINDS: tuple[tuple[str, FileKind], ...] = (
    ("animation", "video"),
    ("video", "video"),
    ("audio", "audio"),
    ("voice", "audio"),
    ("document", "document"),
)


def told_file(result: Any) -> tuple[FileKind, str] | None:
    """Kind and id of the file in the message that the result of a call is; None if it is no message with one.

    Of a photo that is its largest size.
    """
    if not isinstance(result, dict):
        return None
    sizes = result.get("photo")
    if isinstance(sizes, list) and sizes and (file_id := _file_id(max(sizes, key=_area))) is not None:
        return "photo", file_id
    for name, kind in _KINDS:
        if (file_id := _file_id(result.get(name))) is not None:
            return kind, file_id
    return None


def _file_id(file: Any) -> str | None:
    file_id = file.get("file_id") if isinstance(file, dict) else None
    return file_id if isinstance(file_id, str) else None


def _area(size: Any) -> int:
    width, height = (size.get("width"), size.get("height")) if isinstance(size, dict) else (0, 0)
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is being read: its content piece by piece, and its size in bytes, which the content then has.

    Reading raises NotSent where the content breaks off: it can be asked for again.
    """

    name: str
    size: int
    content: AsyncIterator[bytes] = field(repr=False)


class Files(Protocol):
    """Whoever can read the files that people have sent to the bot."""

    def open_download(self, file_id: str) -> AbstractAsyncContextManager[Download]:
        """Read a file inside the block, which should have a deadline.

        Raises Refused for a file that is gone, or larger than MOST_BYTES; NotSent for what may succeed later; whatever
        else getFile ends with (TelegramError).
        """


class BotFiles:
    """Reads them over the Bot API at `root`. Implements `Files`.

    `sender` makes the getFile: so whoever holds this may act as long as that may. `open_transport` opens a connection
    for the content; without it that goes to the network, as the client does.
    """

    def __init__(
        self,
        token: str,
        sender: Sender,
        *,
        root: str,
        open_transport: OpenTransport | None = None,
    ) -> None:
        self._base = f"{root.rstrip('/')}/file/bot{token}/"
        self._sender = sender
        self._open_transport = open_transport

    def __repr__(self) -> str:
        return "BotFiles(...)"

    @asynccontextmanager
    async def open_download(self, file_id: str) -> AsyncIterator[Download]:
        """Read a file inside the block; see `Files`."""
        path, size = _path_and_size(await self._sender.call("getFile", {"file_id": file_id}))
        async with self._get(path) as answer:
            if answer.status != 200:
                raise (Refused if 400 <= answer.status < 500 and answer.status != 429 else NotSent)(
                    DOWNLOAD, "the file is not given out", status=answer.status
                )
            size = answer.size if answer.size is not None else size
            if size is None:
                raise NotSent(DOWNLOAD, "the answer does not tell its size")
            _check_size(size)
            yield Download(PurePosixPath(path).name, size, _Content(answer.body, size))

    @asynccontextmanager
    async def _get(self, path: str) -> AsyncIterator[Answer]:
        """The GET's answer, inside the block. What fails until it comes is raised as NotSent."""
        failure: str | None = None
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(self._open(httpx.URL(self._base + path)))
            except httpx.HTTPError as error:
                failure = type(error).__name__
            # Raised out here, so that no httpx exception, which holds the address, hangs on it as its context.
            if failure is not None:
                raise NotSent(DOWNLOAD, failure)
            yield answer

    def _open(self, url: httpx.URL) -> AbstractAsyncContextManager[Answer]:
        open_transport = self._open_transport
        return open_get(url) if open_transport is None else open_get(url, lambda _: open_transport())


def _path_and_size(result: Any) -> tuple[str, int | None]:
    """What getFile's result says of where the file is, and how large; raises Refused."""
    path = result.get("file_path") if isinstance(result, dict) else None
    if not isinstance(path, str) or not path:
        raise Refused("getFile", "it tells no path")
    if path.startswith("/"):
        raise Refused("getFile", "the Bot API server keeps the file on its own disk (it runs with --local)")
    size = result.get("file_size")
    if not isinstance(size, int):
        return path, None
    _check_size(size)
    return path, size


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise Refused(DOWNLOAD, f"the file is larger than {MOST_BYTES // 2**20} MB", status=413)


class _Content:
    """The body of an answer, which must have `size` bytes. Raises NotSent where it breaks off."""

    # Not an async generator: the garbage collector would have to finish one that is left half-way.
    def __init__(self, body: AsyncIterator[bytes], size: int) -> None:
        self._body = body
        self._left = size

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        failure: str | None = None
        try:
            chunk = await anext(self._body, None)
        except (httpx.HTTPError, httpx.StreamError) as error:
            chunk, failure = None, type(error).__name__
        if failure is None and chunk is not None and len(chunk) <= self._left:
            self._left -= len(chunk)
            return chunk
        if failure is not None or chunk is not None or self._left:
            raise NotSent(DOWNLOAD, failure or "the content has another size than was said")
        raise StopAsyncIteration
