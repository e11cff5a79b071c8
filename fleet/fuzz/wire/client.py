"""The far end of a hostile connection: raw bytes over plain sockets, and the statuses that come back."""

from __future__ import annotations

import random
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

READ_SIZE = 65_536
SOURCES = 8
"""Loopback addresses that connections come from in turn, 127.0.0.2 and on: one has fewer ports than are wanted here."""

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
STATUS_LINE = len(b"HTTP/1.1 200")


class Wire:
    """Connections to the server at `port` of this machine. `rng` draws what is sent, `answers` counts the statuses that
    came back, `opened` the connections and `closed` those that the server has closed."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self.rng = rng
        self.answers: Counter[str] = Counter()
        self.opened = 0
        self.closed = 0
        self._port = port

    @asynccontextmanager
    async def connection(self, *, small: bool = False) -> AsyncIterator[Connection]:
        """A new connection, reset at the end of the block; with `small` buffers, so that a client that does not read
        holds the server up soon. Raises OSError.
        """
        with trio.socket.socket() as plain:
            if small:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            # A reset leaves no port behind that cannot be used again for a minute.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            plain.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            await plain.bind((f"127.0.0.{2 + self.opened % SOURCES}", 0))
            self.opened += 1
            await plain.connect(("127.0.0.1", self._port))
            yield Connection(self, plain)


class Connection:
    """One connection of a `Wire`."""

    def __init__(self, wire: Wire, plain: trio.socket.SocketType) -> None:
        self.rng = wire.rng
        self._wire = wire
        self._socket = plain
        self._tail = b""

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self._socket.send(rest) :]

    async def answered(self, count: int = 1) -> bool:
        """Wait for so many answers; whether they came before the server closed the connection. Raises OSError."""
        while count > 0:
            data = await self._socket.recv(READ_SIZE)
            if not data:
                self._wire.closed += 1
                return False
            count -= self._count(data)
        return True

    async def until_closed(self) -> None:
        """Count all answers that come until the server closes the connection. Raises OSError."""
        while await self.answered():
            pass

    def _count(self, data: bytes) -> int:
        """How many answers have begun with `data`: their bodies, which are ours, hold nothing that looks like one."""
        data = self._tail + data
        found = _STATUS.findall(data)
        self._wire.answers.update(status.decode() for status in found)
        self._tail = data[-(STATUS_LINE - 1) :]
        return len(found)
