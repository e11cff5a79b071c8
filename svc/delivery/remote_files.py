"""Files that a call uploads and that lie elsewhere: fetched to disk within the attempt, right before the call.

So nothing is fetched that is not needed: most files Telegram fetches by itself, and only where it refuses to does the
reply's `instead` upload one. The row is held meanwhile, and its worker with it; its attempt has more time for that
(FILE_DEADLINE), and only so many attempts that move files are under way at once that the other workers go on answering.
A fetch has no effect anywhere: one that fails or is cut off leaves no doubt.

Temporary files have no name on disk, so they are gone with the block, and with the process if that is killed.
"""

from __future__ import annotations

import ipaddress
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any, BinaryIO

import httpx
import trio

from svc.handler.reply import Call, RemoteFile
from telegram_client.downloads import Answer, OpenFor, network_transport_for, open_get
from telegram_client.uploads import InputFile

FETCH_DEADLINE = 60.0
MOST_REDIRECTS = 3

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The parameters that may be an address which Telegram fetches by itself.
_FILES = frozenset({"animation", "audio", "document", "media", "photo", "sticker", "video", "video_note", "voice"})


class NotFetched(Exception):
    """The file could not be had; the message says why, without its address."""


# A tuple, made once: this is asked of each parameter of each call.
_A_FILE = (RemoteFile, InputFile)


def moves_file(call: Call) -> bool:
    """Whether the call takes long: it uploads a file, or has Telegram fetch one from an address."""
    return any(isinstance(value, _A_FILE) or _is_address(name, value) for name, value in call.params.items())


def has_remote_file(call: Call) -> bool:
    """Whether a file has to be fetched before the call can be made."""
    return any(isinstance(value, RemoteFile) for value in call.params.values())


def _is_address(name: str, value: Any) -> bool:
    if name not in _FILES:
        return False
    if isinstance(value, Mapping):
        value = value.get("media")
    return isinstance(value, str) and value.startswith(("http://", "https://"))


class RemoteFiles:
    """Fetches them. `open_for` opens a connection's transport; by default to the network."""

    def __init__(self, open_for: OpenFor = network_transport_for) -> None:
        self._open_for = open_for

    @asynccontextmanager
    async def fetched(self, call: Call, within: float) -> AsyncIterator[Call]:
        """`call` with files on disk in place of remote ones, inside the block. They are fetched in so many seconds.

        Raises NotFetched before the block begins.
        """
        remote = {name: value for name, value in call.params.items() if isinstance(value, RemoteFile)}
        with ExitStack() as stack:
            files = {}
            with trio.move_on_after(min(within, FETCH_DEADLINE)) as scope:
                for name, file in remote.items():
                    on_disk = stack.enter_context(tempfile.TemporaryFile("w+b", buffering=0))
                    await self._fetch(file, on_disk)
                    files[name] = InputFile(on_disk, file.name)
            if scope.cancelled_caught:
                raise NotFetched("it was not fetched in time")
            yield Call(call.method, {**call.params, **files})

    async def _fetch(self, file: RemoteFile, on_disk: BinaryIO) -> None:
        failure = None
        try:
            await self._follow(file, on_disk)
        except httpx.HTTPError as error:
            failure = type(error).__name__
        except (OSError, ValueError) as error:
            failure = str(error)
        if failure is not None:
            raise NotFetched(failure)

    async def _follow(self, file: RemoteFile, on_disk: BinaryIO) -> None:
        """Fetch it, over a few redirects."""
        url = _checked(file.url)
        for _ in range(MOST_REDIRECTS + 1):
            async with open_get(url, self._open_for) as answer:
                if answer.status not in _REDIRECTS:
                    await _save(answer, on_disk, file.most)
                    return
                url = _checked(answer.headers.get("location", ""), url)
        raise NotFetched("it is redirected too often")


async def _save(answer: Answer, on_disk: BinaryIO, most: int) -> None:
    if answer.status != 200:
        raise NotFetched(f"its server answers {answer.status}")
    if answer.size is not None and answer.size > most:
        raise NotFetched(f"it has {answer.size} bytes, more than {most}")
    size = 0
    async for chunk in answer.body:
        size += len(chunk)
        if size > most:
            raise NotFetched(f"it has more than {most} bytes")
        if await trio.to_thread.run_sync(on_disk.write, chunk) != len(chunk):
            raise NotFetched("the disk takes no more of it")
    if not size or (answer.size is not None and size != answer.size):
        raise NotFetched(f"only {size} bytes of it came")


def _checked(address: str, base: httpx.URL | None = None) -> httpx.URL:
    """The address, if it may be asked: http or https, and no machine of a private network by its number.

    Whose address it is decides the bot, and with it the operator; a number like 169.254.169.254 is never meant. This
    machine's own are, for a stand-in of the server.
    """
    try:
        url = httpx.URL(address) if base is None else base.join(address)
    except httpx.InvalidURL:
        raise NotFetched("its address is none") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise NotFetched("its address is not http or https")
    try:
        number = ipaddress.ip_address(url.host)
    except ValueError:
        return url
    if not (number.is_global or number.is_loopback):
        raise NotFetched("its address is in a private network")
    return url
