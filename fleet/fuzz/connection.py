"""One connection of an HTTP client that writes any header and any method, and reads the answer as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

DEADLINE = 30.0
"""Seconds for a whole exchange. The service itself answers within twelve, whatever is wrong."""
READ_SIZE = 65_536


class NoAnswer(Exception):
    """The connection was closed, or the deadline passed, before there was a whole answer."""


@dataclass(frozen=True)
class Answer:
    """What was answered; the names of headers in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection:
    """A connection to `port` of this machine, made when it is needed and made anew when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stream: trio.SocketStream | None = None
        self._read = b""

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send one request; raises NoAnswer. On a connection that was idle it is sent again where that fails."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        was_idle = self._stream is not None
        try:
            return await self._exchange(request)
        except NoAnswer:
            if not was_idle:
                raise
        return await self._exchange(request)

    async def aclose(self) -> None:
        """End it."""
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)
        self._stream, self._read = None, b""

    async def _exchange(self, request: bytes) -> Answer:
        try:
            with trio.fail_after(DEADLINE):
                self._stream = self._stream or await trio.open_tcp_stream("127.0.0.1", self._port)
                return await self._send_and_read(self._stream, request)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, ValueError, IndexError) as error:
            await self.aclose()
            raise NoAnswer(repr(error)) from error

    async def _send_and_read(self, stream: trio.SocketStream, request: bytes) -> Answer:
        """The answer may come before all is sent, and then the rest is not wanted."""
        sent = trio.Event()
        found: Answer | Exception

        async def send() -> None:
            try:
                await stream.send_all(request)
            except trio.BrokenResourceError:
                return
            sent.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            try:
                found = await self._answer(stream)
            except (trio.BrokenResourceError, ValueError, IndexError) as error:
                found = error
            nursery.cancel_scope.cancel(reason="it is answered")
        if isinstance(found, Exception):
            raise found
        if not sent.is_set() or found.headers.get("connection", "").lower() == "close":
            await self.aclose()
        return found

    async def _answer(self, stream: trio.SocketStream) -> Answer:
        while b"\r\n\r\n" not in self._read:
            await self._more(stream)
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._read) < length:
            await self._more(stream)
        body, self._read = self._read[:length], self._read[length:]
        return Answer(int(first.split()[1]), headers, body)

    async def _more(self, stream: trio.SocketStream) -> None:
        data = await stream.receive_some(READ_SIZE)
        if not data:
            raise trio.BrokenResourceError("closed before the answer was complete")
        self._read += data
