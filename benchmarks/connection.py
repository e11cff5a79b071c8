"""One connection of the load generator."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from benchmarks.http1 import take_message


class Owner(Protocol):
    """Whoever opened a connection and is told what becomes of it."""

    def answered(self, connection: Connection, status: bytes) -> None:
        """The answer to its request has come."""

    def free(self, connection: Connection) -> None:
        """It can carry the next request."""

    def lost(self, connection: Connection) -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """One keep-alive connection: one request at a time."""

    def __init__(self, load: Owner) -> None:
        self.busy = False
        self.n = -1
        self.due = 0.0
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._unread = b""

    def send(self, request: bytes, n: int, due: float) -> None:
        """Write a request; the load hears of its answer."""
        assert self._transport is not None
        self.busy, self.n, self.due = True, n, due
        self._transport.write(request)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport that asyncio has connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, not derived from asyncio's

    def data_received(self, data: bytes) -> None:
        """Take more of the answer; once it is whole, tell the load."""
        message = take_message(self._unread + data)
        if message is None:
            self._unread += data
            return
        head, _, self._unread = message
        self.busy = False
        self._load.answered(self, head[9:12])
        if b"close" in head:
            self.hang_up()
        else:
            self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the load that the connection is gone."""
        self._load.lost(self)
