"""An httpx transport of one HTTP/1.1 connection, straight to the server: a call at a fifth of what httpx's own costs.

The head and the first piece of a body leave in one write. The request's stream is asked for that piece once there is a
connection, right before the write, and for what comes behind the last piece once that is written: see exchange.py for
what follows from that.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import AsyncIterator, Mapping

import httpx
import trio

from telegram_client.response_reader import ResponseReader
from telegram_client.socket_connection import Connection, connect

SCHEMES = {"http": 80, "https": 443}
"""What it can speak, each with its port."""


class DirectTransport(httpx.AsyncBaseTransport):
    """Opens a connection to `root` when it is needed, and uses it again within `keep_alive` seconds.

    `tls` is for https. One request at a time, and each to `root`. `timeout` among a request's extensions is as httpx
    has it, in seconds ("connect", "write", "read"; none is for ever). Raises httpx.ConnectError, ConnectTimeout,
    WriteTimeout, ReadError, ReadTimeout and RemoteProtocolError, the last three also while the answer is read, and
    whatever the request's stream raises. A connection on which anything was unusual is closed.
    """

    def __init__(self, root: httpx.URL, tls: ssl.SSLContext | None, keep_alive: float) -> None:
        assert (root.scheme == "https") == (tls is not None)
        self._host = root.host
        self._port = root.port or SCHEMES[root.scheme]
        self._tls = tls
        self._keep_alive = keep_alive
        self._connection: Connection | None = None
        # The time from which on it is idle; None while it is used, or where nobody knows in which state it is.
        self._idle_since: float | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read the head of the answer."""
        timeouts = request.extensions.get("timeout", {})
        connection = self._idle_connection() or await self._open(_seconds(timeouts, "connect"))
        try:
            all_sent = await _send(connection, request, _seconds(timeouts, "write"))
            body = _Body(self, connection, _seconds(timeouts, "read"), reusable=all_sent)
            await body.read_head()
        except BaseException:
            self._close()
            raise
        return httpx.Response(body.reader.status, headers=body.reader.headers, stream=body)

    async def aclose(self) -> None:
        """Close the connection; an answer that was not read to its end cannot be read any more."""
        self._close()
        await trio.lowlevel.checkpoint()

    def _idle_connection(self) -> Connection | None:
        """The one there is, if it can be used: young enough, and the server has neither said more nor closed it."""
        since, self._idle_since = self._idle_since, None
        young = since is not None and trio.current_time() < since + self._keep_alive
        if self._connection is not None and (not young or self._connection.is_readable):
            self._close()
        return self._connection

    async def _open(self, timeout: float) -> Connection:
        self._connection = await connect(self._host, self._port, self._tls, timeout)
        return self._connection

    def _ended(self, *, reusable: bool) -> None:
        if reusable:
            self._idle_since = trio.current_time()
        else:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Body(httpx.AsyncByteStream):
    """The answer's body, piece by piece as it comes. Closed, its connection is given back, or closed."""

    # Not an async generator: the garbage collector would have to finish one that is left half-way.
    def __init__(self, transport: DirectTransport, connection: Connection, timeout: float, *, reusable: bool) -> None:
        self.reader = ResponseReader()
        self._transport = transport
        self._connection = connection
        self._timeout = timeout
        self._reusable = reusable

    async def read_head(self) -> None:
        while not self.reader.head_complete:
            await self._read_more()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not (piece := self.reader.take_body()):
            if self.reader.complete:
                raise StopAsyncIteration
            await self._read_more()
        return piece

    async def aclose(self) -> None:
        self._transport._ended(reusable=self._reusable and self.reader.keeps_open)

    async def _read_more(self) -> None:
        self.reader.feed(await self._connection.receive(self._timeout))


async def _send(connection: Connection, request: httpx.Request, timeout: float) -> bool:
    """Whether the server has taken all of the request. If it has closed its ear, it may have said why before."""
    assert isinstance(request.stream, httpx.AsyncByteStream)
    pieces = aiter(request.stream)
    try:
        await connection.send(_head(request) + await anext(pieces, b""), timeout)
        async for piece in pieces:
            await connection.send(piece, timeout)
    except httpx.WriteError:
        return False
    return True


def _head(request: httpx.Request) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _seconds(timeouts: Mapping[str, float | None], which: str) -> float:
    seconds = timeouts.get(which)
    return math.inf if seconds is None else seconds
