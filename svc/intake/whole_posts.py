"""A POST that arrives in one piece, as nearly every update of Telegram's does: read at once and answered at once.

h11 reads a request line by line into events and writes an answer from events, and Hypercorn starts a task for each
request, so that it can go on reading meanwhile. For what has come whole and is followed by nothing, none of that is
needed: it costs twice as much as all that the webhook does. Only requests that are written plainly are read here;
everything else is left to h11, which knows all that HTTP allows.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import trio

# A request line, headers, and an empty line, of the characters that RFC 9110 and 9112 allow there; no folded lines.
_HEAD = re.compile(rb"POST (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~\w-]+:[\t -~\x80-\xff]*\r\n)+)\r\n", re.ASCII)
# What these say has consequences that are h11's to draw.
_NOT_PLAIN = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"})
_KEEP_ALIVE = (None, b"keep-alive", b"Keep-Alive")
_MOST_DIGITS = 10

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class WholePost:
    """A request whose body is complete. The names of `headers` are in lower case, each occurs once."""

    target: bytes
    headers: Headers
    body: bytes

    def scope(self, **of_connection: Any) -> Any:
        """What the application is told of it (ASGI), with what is known of its connection."""
        path, _, query_string = self.target.partition(b"?")
        return {
            "type": "http",
            "http_version": "1.1",
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "method": "POST",
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query_string,
            "headers": self.headers,
            "extensions": {},
            **of_connection,
        }

    def receiving(self, hung_up: trio.Event) -> Callable[[], Awaitable[Any]]:
        """The application's way to its body (ASGI); behind that it waits until the client has hung up."""
        messages = [{"type": "http.request", "body": self.body, "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await hung_up.wait()
            return {"type": "http.disconnect"}

        return receive


def whole_post(data: bytes, most_head: int) -> WholePost | None:
    """The request that `data` is, from its first byte to its last; None if it is anything else than one plain POST.

    Its head has `most_head` bytes at most.
    """
    found = _HEAD.match(data, 0, most_head)
    if found is None:
        return None
    headers = [_split(line) for line in found[2].split(b"\r\n")[:-1]]
    by_name = dict(headers)
    if len(by_name) < len(headers) or b"host" not in by_name or not _NOT_PLAIN.isdisjoint(by_name):
        return None
    length = by_name.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _MOST_DIGITS or by_name.get(b"connection") not in _KEEP_ALIVE:
        return None
    if len(data) != found.end() + int(length):
        return None
    return WholePost(found[1], headers, data[found.end() :])


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.strip(b" \t")


class WholeAnswer:
    """The answer to one such request, written as the application sends it (ASGI); `write` puts bytes on the wire.

    `complete` says that it is out; where it is not, or says so itself, the connection is `to_be_closed`.
    """

    def __init__(self, write: Callable[[bytes], Awaitable[None]], more_headers: Headers) -> None:
        self.response: Any = None
        self.complete = False
        self._closes = False
        self._write = write
        self._more_headers = more_headers
        self._head = b""

    @property
    def to_be_closed(self) -> bool:
        """Whether nothing can be answered behind it on the same connection."""
        return self._closes or not self.complete

    async def send(self, message: Any) -> None:
        """Take one message of the application's, or None once it has returned. Raises ValueError for a header that is
        more than one line.
        """
        if message is None:
            if self.response is None:
                await self.send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
                await self.send({"type": "http.response.body"})
        elif message["type"] == "http.response.start" and self.response is None:
            self._head = self._head_of(message["status"], message.get("headers", ()))
            self.response = message
        elif message["type"] == "http.response.body" and self.response is not None and not self.complete:
            head, self._head = self._head, b""
            self.complete = not message.get("more_body", False)
            await self._write(head + message.get("body", b""))
        else:
            raise RuntimeError(f"{message['type']} is not to be sent now")

    def _head_of(self, status: int, given: Any) -> bytes:
        headers = [*((name.lower(), value) for name, value in given), *self._more_headers]
        names = {name for name, _ in headers}
        self._closes = (b"connection", b"close") in headers
        if b"content-length" not in names and status >= 200 and status not in (204, 304) and not self._closes:
            # Its end is that of the connection (RFC 9112, 6.3).
            headers.append((b"connection", b"close"))
            self._closes = True
        head = b"".join([b"HTTP/1.1 %d \r\n" % status, *(b"%b: %b\r\n" % header for header in headers), b"\r\n"])
        if head.count(b"\n") != len(headers) + 2 or head.count(b"\r") != len(headers) + 2:
            raise ValueError("a header of more than one line")
        return head
