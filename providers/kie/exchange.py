"""One call on its way: its request, how much of that has been written, and what a failure therefore means.

The transport asks for what comes after the body's last piece only once that piece's write has returned. Until then the
server has a part of the request at most, on which nobody acts: the call was not sent. From then on it is in doubt.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any

import httpx

from providers.provider import InDoubt, NotSent, ProviderError


class ContentFailed(Exception):
    """What an upload is to send could not be read to its end; the body's `failure` says why."""


class Body(httpx.AsyncByteStream):
    """A request's body: what comes `before` the content, `size` bytes of content, and what comes `after` it.

    `all_written` says whether whoever has taken all of it has asked for more. Raises ContentFailed if the content
    raises anything or is not of that size, with that in `failure`.
    """

    def __init__(
        self, before: bytes = b"", content: AsyncIterable[bytes] | None = None, size: int = 0, after: bytes = b""
    ) -> None:
        self.length = len(before) + size + len(after)
        self.all_written = False
        self.failure: Exception | None = None
        self._before, self._after = before, after
        self._content = aiter(content) if content is not None else None
        self._left = size

    # Not an async generator: the garbage collector would have to finish one that an error leaves half-way.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._before:
            piece, self._before = self._before, b""
            return piece
        if self._content is not None:
            piece = await self._next_of(self._content)
            if piece:
                return piece
            self._content = None
        if self._after:
            piece, self._after = self._after, b""
            return piece
        self.all_written = True
        raise StopAsyncIteration

    async def _next_of(self, content: AsyncIterator[bytes]) -> bytes:
        """The next piece that is not empty; empty at the end."""
        piece = b""
        try:
            while not piece:
                piece = await anext(content)
        except StopAsyncIteration:
            pass
        except Exception as error:
            self.failure = error
        self._left -= len(piece)
        if self._left < 0 or (not piece and self._left and self.failure is None):
            self.failure = NotSent("the file is not of the size that was told")
        if self.failure is not None:
            raise ContentFailed
        return piece


class Exchange:
    """One call: its request, its deadline in seconds, and the `failure` it has met, if any."""

    def __init__(self, method: str, url: str, body: Body, content_type: str | None, timeout: float) -> None:
        self.method = method
        self.url = url
        self.body = body
        self.content_type = content_type
        self.timeout = timeout
        self.failure: Exception | None = None

    def inconclusive(self, text: str) -> ProviderError:
        """The error where no answer says what became of the call: how far the request got decides."""
        return (InDoubt if self.body.all_written else NotSent)(text)


def query(url: str, timeout: float) -> Exchange:
    """A GET."""
    return Exchange("GET", url, Body(), None, timeout)


def order(url: str, params: Mapping[str, Any], timeout: float) -> Exchange:
    """A POST of `params` as JSON. Raises TypeError or ValueError for what cannot be written so."""
    body = Body(json.dumps(params, allow_nan=False).encode())
    return Exchange("POST", url, body, "application/json", timeout)


def upload(
    url: str, fields: Mapping[str, str], name: str, content: AsyncIterable[bytes], size: int, timeout: float
) -> Exchange:
    """A POST of a form (multipart/form-data, RFC 7578) with these fields and a file, read while it is sent."""
    boundary = secrets.token_hex(16)
    head = "".join(_part(boundary, field) + value + "\r\n" for field, value in fields.items())
    head += _part(boundary, "file", f'; filename="{_quoted(name)}"\r\nContent-Type: application/octet-stream')
    body = Body(head.encode("utf-8", "replace"), content, size, f"\r\n--{boundary}--\r\n".encode())
    return Exchange("POST", url, body, f"multipart/form-data; boundary={boundary}", timeout)


def _part(boundary: str, field: str, more: str = "") -> str:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n'


def _quoted(text: str) -> str:
    # As browsers do it (the HTML standard's "multipart/form-data encoding algorithm").
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
