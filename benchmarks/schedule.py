"""The load on a fixed schedule, whatever the other side does.

Times count from the scheduled instant, so a request that had to wait for a free connection is late by that wait (no
coordinated omission).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections import deque
from time import monotonic

from benchmarks.load import FINISH_DEADLINE, Load
from benchmarks.updates import Maker, Numbers

_TIMER_ABSOLUTE = 1


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
