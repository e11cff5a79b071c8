"""Updates that flood control holds back: ready, but for the time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

import trio

from svc.storage.inbox import Received
from svc.waiting import Wakeup


class Held:
    """Updates by the time at which they may go on, on Trio's clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Received]] = []
        self._changed = Wakeup()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, update: Received, until: float) -> None:
        """Hold `update` until then."""
        heapq.heappush(self._heap, (until, update.update_id, update))
        self._changed.set()

    async def release(self, out: Callable[[Received], None]) -> None:
        """Call `out` with each when its time has come, until cancelled."""
        while True:
            with trio.move_on_at(self._heap[0][0] if self._heap else math.inf):
                await self._changed.wait()
            while self._heap and self._heap[0][0] <= trio.current_time():
                out(heapq.heappop(self._heap)[2])
