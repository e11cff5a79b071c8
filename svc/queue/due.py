"""Updates that were set aside and when to look at them again, and ids that must not come in again for a moment."""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

from svc.waiting import Wakeup


class _DueUpdate(NamedTuple):
    at: float
    update_id: int


class DueTimes:
    """When updates are due, on Trio's clock. At most `most` are remembered; the sweep finds the others.

    `changed` is set when there may be something to take earlier than `next` said.
    """

    def __init__(self, most: int = 10_000) -> None:
        self.changed = Wakeup()
        self._most = most
        self._heap: list[_DueUpdate] = []

    def add(self, update_id: int, at: float) -> None:
        """Remember that it is due at `at`, if there is room."""
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, _DueUpdate(at, update_id))
            self.changed.set()

    @property
    def next(self) -> float:
        """When the next is due; infinity if none is."""
        return self._heap[0].at if self._heap else math.inf

    def take(self, now: float, limit: int) -> list[int]:
        """The ids of at most `limit` that are due; they are forgotten here."""
        taken: list[int] = []
        while self._heap and self._heap[0].at <= now and len(taken) < limit:
            taken.append(heapq.heappop(self._heap).update_id)
        return taken


class RecentlyGone:
    """Ids of updates that have just left the queue.

    What is read back is as old as the statement that read it: it may bring an update that has been settled since.
    """

    def __init__(self, seconds: float = 2.0, most: int = 4096) -> None:
        # Longer than a statement may take.
        self._seconds = seconds
        self._most = most
        self._left_at: dict[int, float] = {}

    def add(self, update_id: int, now: float) -> None:
        """It has left."""
        self._left_at.pop(update_id, None)
        self._left_at[update_id] = now
        while len(self._left_at) > self._most or now - next(iter(self._left_at.values())) >= self._seconds:
            del self._left_at[next(iter(self._left_at))]

    def forget(self, update_id: int) -> None:
        """It may come in again."""
        self._left_at.pop(update_id, None)

    def includes(self, update_id: int, now: float) -> bool:
        """Whether it has left within the last moments."""
        left_at = self._left_at.get(update_id)
        return left_at is not None and now - left_at < self._seconds
