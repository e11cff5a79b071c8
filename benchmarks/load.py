"""The load generator: keep-alive connections that carry one request at a time, as Telegram's do.

A load asks its subclass when the next request is due and sends it on a free connection:

- ClosedLoop: at once, as long as fewer than `limit` updates wait for their menu. So the loop is closed over the whole
  path, and a side that acknowledges first and works later is not credited with work it has yet to do.
- OpenLoop: on a fixed schedule, whatever the other side does. Times count from the scheduled instant, so a request
  that had to wait for a free connection is late by that wait (no coordinated omission).

The cost per request is some microseconds (`bench --ceiling`), a small part of what either side spends on it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from time import monotonic
from typing import cast

from benchmarks.http1 import take_message
from benchmarks.updates import FIRST_CHAT, Maker, Numbers

NO_LIMIT = sys.maxsize
FINISH_DEADLINE = 30.0
MOST_RECONNECTS = 10_000
_TIMER_ABSOLUTE = 1


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
        self._free: list[_Connection] = []
        self._all: set[_Connection] = set()
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

    def _send(self, connection: _Connection, due: float) -> None:
        n = self._numbers.take()
        self._busy += 1
        if self._menus_expected:
            self.owed[n] = due
        self.late.append((due, monotonic() - due))
        connection.send(self._make(n), n, due)

    def answered(self, connection: _Connection, status: bytes) -> None:
        """Take the answer to a connection's request."""
        self._busy -= 1
        if status == b"200":
            self.acks += 1
            self.ack_times.append((connection.due, monotonic() - connection.due))
        else:
            self.errors[f"status {status.decode('latin-1')}"] += 1
            self.owed.pop(connection.n, None)

    def free(self, connection: _Connection) -> None:
        """Take a connection that can carry the next request."""
        self._free.append(connection)
        self.pump()

    def lost(self, connection: _Connection) -> None:
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
        _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
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


class OpenLoop(Load):
    """Sends `rate` requests a second, each due at its own fixed instant."""

    def __init__(self, port: int, make: Maker, numbers: Numbers) -> None:
        super().__init__(port, make, numbers, menus_expected=True)
        self._due: deque[float] = deque()

    def next_due(self) -> float | None:
        """The oldest instant that has passed and not been served."""
        return self._due.popleft() if self._due else None

    async def run(self, rate: float, count: int) -> float:
        """Let `count` requests fall due, `rate` a second; returns when the first was due."""
        interval = 1 / rate
        first = monotonic() + 0.1
        done = asyncio.Event()
        fallen_due = 0

        def tick() -> None:
            nonlocal fallen_due
            expired = int.from_bytes(os.read(timer, 8), sys.byteorder)
            for _ in range(min(expired, count - fallen_due)):
                self._due.append(first + fallen_due * interval)
                fallen_due += 1
            self.pump()
            if fallen_due == count:
                done.set()

        loop = asyncio.get_running_loop()
        timer = _kernel_timer(first, interval)
        loop.add_reader(timer, tick)
        try:
            await asyncio.wait_for(done.wait(), count * interval + FINISH_DEADLINE)
        finally:
            loop.remove_reader(timer)
            os.close(timer)
        return first


class _Connection(asyncio.Protocol):
    """One keep-alive connection: one request at a time."""

    def __init__(self, load: Load) -> None:
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
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, not derived from asyncio's

    def data_received(self, data: bytes) -> None:
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
        self._load.lost(self)


def _kernel_timer(first: float, interval: float) -> int:
    """A timerfd that expires at `first` and every `interval` seconds after: loop timers count whole milliseconds."""
    libc = ctypes.CDLL(None, use_errno=True)
    timer: int = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    times = (ctypes.c_long * 4)(*_seconds_and_nanoseconds(interval), *_seconds_and_nanoseconds(first))
    if timer < 0 or libc.timerfd_settime(timer, _TIMER_ABSOLUTE, ctypes.byref(times), None) < 0:
        raise OSError(ctypes.get_errno(), "no kernel timer")
    return timer


def _seconds_and_nanoseconds(seconds: float) -> tuple[int, int]:
    whole = int(seconds)
    return whole, int((seconds - whole) * 1e9)
