"""The load generator: keep-alive connections that carry one request at a time, as Telegram's do.

A load asks its subclass when the next request is due and sends it on a free connection:

- ClosedLoop: at once, as long as fewer than `limit` updates wait for their menu. So the loop is closed over the whole
  path, and a side that acknowledges first and works later is not credited with work it has yet to do.
- OpenLoop, in schedule.py: on a fixed schedule, whatever the other side does.

The cost per request is some microseconds (`bench --ceiling`), a small part of what either side spends on it.
"""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections import Counter
from time import monotonic

from benchmarks.connection import Connection
from benchmarks.updates import FIRST_CHAT, Maker, Numbers

NO_LIMIT = sys.maxsize
FINISH_DEADLINE = 30.0
MOST_RECONNECTS = 10_000


class Load(ABC):
    """Sends requests over `connections` connections and counts what comes back.

    `numbers` gives each request its number, from which `make` derives its ids. `menus_expected` says that every
    request is to be followed by a menu for its chat, reported to `menu_sent`.
    """

    def __init__(self, port: int, make: Maker, numbers: Numbers, *, menus_expected: bool) -> None:
        self.acks = 0
        self.menus = 0
        self.reconnects = 0
        self.errors: Counter[str] = Counter()
        # (due, seconds from then) each; `late` is how long after it was due a request was written.
        self.ack_times: list[tuple[float, float]] = []
        self.menu_times: list[tuple[float, float]] = []
        self.late: list[tuple[float, float]] = []
        self._port = port
        self._make = make
        self._numbers = numbers
        self._menus_expected = menus_expected
        # Of every update that has no menu yet: when it was due.
        self.owed: dict[int, float] = {}
        self._free: list[Connection] = []
        self._all: set[Connection] = set()
        self._busy = 0
        self._closing = False
        self._reconnecting: set[asyncio.Task[None]] = set()

    @abstractmethod
    def next_due(self) -> float | None:
        """When the next request is or was due; None if there is none to send now."""

    async def connect(self, connections: int) -> None:
        """Open the connections; raises OSError if one cannot be opened."""
        for _ in range(connections):
            await self._connect()

    def pump(self) -> None:
        """Send what is due, as far as connections are free."""
        while self._free and (due := self.next_due()) is not None:
            self._send(self._free.pop(), due)

    def menu_sent(self, chat: int) -> None:
        """Take note that `chat` was sent its menu."""
        due = self.owed.pop(chat - FIRST_CHAT, None)
        if due is None:
            self.errors["menu nobody asked for"] += 1
            return
        self.menus += 1
        self.menu_times.append((due, monotonic() - due))
        self.pump()

    async def finish(self) -> None:
        """Wait until every request is answered and every menu has come, then hang up; bounded by 30 s.

        What is missing then is counted among the errors. The subclass has nothing due any more.
        """
        give_up = monotonic() + FINISH_DEADLINE
        # Polled: an event would cost every request of the measured time for the sake of this moment.
        while (self._busy or self.owed) and monotonic() < give_up:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        self.errors += Counter({"no answer": self._busy, "no menu": len(self.owed)})
        self._closing = True
        for connection in self._all:
            connection.hang_up()
        for task in self._reconnecting:
            task.cancel()

    def _send(self, connection: Connection, due: float) -> None:
        n = self._numbers.take()
        self._busy += 1
        if self._menus_expected:
            self.owed[n] = due
        self.late.append((due, monotonic() - due))
        connection.send(self._make(n), n, due)

    def answered(self, connection: Connection, status: bytes) -> None:
        """Take the answer to a connection's request."""
        self._busy -= 1
        if status == b"200":
            self.acks += 1
            self.ack_times.append((connection.due, monotonic() - connection.due))
        else:
            self.errors[f"status {status.decode('latin-1')}"] += 1
            self.owed.pop(connection.n, None)

    def free(self, connection: Connection) -> None:
        """Take a connection that can carry the next request."""
        self._free.append(connection)
        self.pump()

    def lost(self, connection: Connection) -> None:
        """Replace a connection that the other side has closed."""
        self._all.discard(connection)
        if self._closing:
            return
        if connection in self._free:
            self._free.remove(connection)
        if connection.busy:
            self._busy -= 1
            self.errors["cut before the answer"] += 1
            self.owed.pop(connection.n, None)
        self.reconnects += 1
        if self.reconnects <= MOST_RECONNECTS:
            task = asyncio.get_running_loop().create_task(self._reconnect())
            self._reconnecting.add(task)
            task.add_done_callback(self._reconnecting.discard)

    async def _reconnect(self) -> None:
        try:
            await self._connect()
        except OSError:
            self.errors["could not connect"] += 1

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
        self._all.add(connection)
        self.free(connection)


class ClosedLoop(Load):
    """Sends the next request as soon as a connection is free, with at most `limit` menus outstanding."""

    def __init__(
        self, port: int, make: Maker, numbers: Numbers, *, menus_expected: bool, limit: int = NO_LIMIT
    ) -> None:
        super().__init__(port, make, numbers, menus_expected=menus_expected)
        self.running = False
        self._limit = limit

    def next_due(self) -> float | None:
        """Now, unless stopped or too much is outstanding."""
        return monotonic() if self.running and len(self.owed) < self._limit else None

    def start(self) -> None:
        """Begin on all connections."""
        self.running = True
        self.pump()
