"""Calls that are carried out later: what has arrived is, whether or not somebody still waits for the answer."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count

import trio

MAX_LATE = 10_000


class LateCalls:
    """Calls whose requests have arrived and whose time has not come yet; `run` carries them out.

    At most MAX_LATE wait. What is more than that is never carried out, as after a restart of the real server.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._news = trio.lowlevel.ParkingLot()

    def put(self, due: float, carry_out: Callable[[], object]) -> None:
        """Have `carry_out` called at `due`, by Trio's clock, or as soon as `run` runs. It must not raise or wait."""
        if len(self._calls) < MAX_LATE:
            heapq.heappush(self._calls, (due, next(self._numbers), carry_out))
            self._news.unpark_all()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry out what is due, until cancelled; what is not due by then is left for the next run."""
        task_status.started()
        while True:
            with trio.move_on_at(self._carry_out_due()):
                await self._news.park()

    def _carry_out_due(self) -> float:
        """Call all that are due, the earliest first; returns when the next one is."""
        while self._calls and self._calls[0][0] <= trio.current_time():
            _, _, carry_out = heapq.heappop(self._calls)
            carry_out()
        return self._calls[0][0] if self._calls else math.inf
