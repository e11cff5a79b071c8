"""Files on their way to Telegram: a form (multipart/form-data, RFC 7578) that is read from disk while it is sent."""

from __future__ import annotations

import os
import secrets
import stat
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import msgspec
import trio

CHUNK = 64 * 1024


class InputFile:
    """A file to upload, given in place of a parameter; `name` is what Telegram is told instead of the path's last part.

    It is a path, or a file that is open, which is read from its beginning and stays open: one without a name on disk is
    gone with the process that has made it. In an album it is a parameter of its own, which the media name as
    `attach://<parameter>`.
    """

    # Not a dataclass: msgspec would write one as a JSON object instead of refusing it.
    __slots__ = ("file", "name", "path")

    def __init__(self, file: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> None:
        self.path = Path(file) if isinstance(file, str | os.PathLike) else None
        self.file = None if isinstance(file, str | os.PathLike) else file
        self.name = name or (self.path.name if self.path is not None else "file")

    def __repr__(self) -> str:
        return f"InputFile({str(self.path or self.file)!r}, {self.name!r})"

    def open(self) -> BinaryIO:
        """The file, to be read from its beginning and closed. Raises OSError for what is not one that can be read."""
        if self.file is not None:
            copy = os.fdopen(os.dup(self.file.fileno()), "rb", buffering=0)
            copy.seek(0)
            return copy
        assert self.path is not None
        # Checked before it is opened: opening a named pipe waits for its other end.
        if not stat.S_ISREG(self.path.stat().st_mode):
            raise OSError(f"{self.path} is not a regular file")
        return self.path.open("rb", buffering=0)


def has_file(params: Mapping[str, Any]) -> bool:
    """Whether these parameters must be sent as a form."""
    return any(isinstance(value, InputFile) for value in params.values())


def nobody_asks() -> None:
    """What is called when a body is written, where nobody has asked to be told."""


class Form(httpx.AsyncByteStream):
    """The body of a call with files. Its `size` in bytes is known before it is sent.

    `written` is called once whoever has taken all of it asks for more. Close it. Raises OSError for what is not a
    file that can be read, and if a file shrinks while it is sent.
    """

    def __init__(self) -> None:
        self.size = 0
        self.written: Callable[[], None] = nobody_asks
        self._boundary = secrets.token_hex(16)
        self._parts: deque[bytes | tuple[BinaryIO, int]] = deque()
        self._files = ExitStack()

    @classmethod
    async def open(cls, params: Mapping[str, Any]) -> Form:
        """The form for `params`, with its files open."""
        form = cls()
        try:
            await trio.to_thread.run_sync(form._fill, params)
        except BaseException:
            form.close()
            raise
        return form

    @property
    def content_type(self) -> str:
        """The header's value."""
        return f"multipart/form-data; boundary={self._boundary}"

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    # Not an async generator: the garbage collector would have to finish one that an error leaves half-way.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while self._parts:
            part = self._parts.popleft()
            if isinstance(part, bytes):
                return part
            file, remaining = part
            if remaining:
                chunk = await trio.to_thread.run_sync(file.read, min(CHUNK, remaining))
                if not chunk:
                    raise OSError("the file has become shorter while it was sent")
                self._parts.appendleft((file, remaining - len(chunk)))
                return chunk
        self.written()
        raise StopAsyncIteration

    def _fill(self, params: Mapping[str, Any]) -> None:
        for name, value in params.items():
            if isinstance(value, InputFile):
                self._add_file(name, value)
            elif value is not None:
                self._add(self._head(name) + _form_value(value) + b"\r\n")
        self._add(f"--{self._boundary}--\r\n".encode())

    def _add_file(self, name: str, given: InputFile) -> None:
        file = self._files.enter_context(given.open())
        size = os.fstat(file.fileno()).st_size
        filename = _quoted(given.name)
        self._add(self._head(name, f'; filename="{filename}"\r\nContent-Type: application/octet-stream'))
        self._parts.append((file, size))
        self.size += size
        self._add(b"\r\n")

    def _head(self, name: str, more: str = "") -> bytes:
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"{more}\r\n\r\n'
        return head.encode("utf-8", "replace")  # a file's name on disk may not be valid text

    def _add(self, text: bytes) -> None:
        self._parts.append(text)
        self.size += len(text)


def _form_value(value: Any) -> bytes:
    # Telegram reads objects, lists, numbers, true and false as JSON; only texts are written without quotes.
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _quoted(text: str) -> str:
    # As browsers do it (the HTML standard's "multipart/form-data encoding algorithm").
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
