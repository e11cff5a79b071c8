"""What waits for a group commit: the entries of its callers, in order and bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

import trio

Item = TypeVar("Item")
Result = TypeVar("Result")


class Entry(Generic[Item, Result]):
    """One caller's item, and what became of it once `done` is set.

    `left` says that the caller has been cancelled, `awaited` that a flush still waits for the item.
    """

    __slots__ = ("awaited", "done", "error", "item", "left", "result", "weight")

    def __init__(self, item: Item, weight: int) -> None:
        self.item = item
        self.weight = weight
        self.done = trio.Event()
        self.result: Result | None = None
        self.error: Exception | None = None
        self.left = False
        self.awaited = True


class WriteQueue(Generic[Item, Result]):
    """Entries that wait, counted and weighed."""

    def __init__(self, count: int, weight: int) -> None:
        self._count_bound = count
        self._weight_bound = weight
        self._weight = 0
        self._entries: deque[Entry[Item, Result]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def has_room_for(self, weight: int) -> bool:
        """Whether one more may wait, of that weight. The first always may."""
        if not self._entries:
            return self._count_bound > 0
        return len(self._entries) < self._count_bound and self._weight + weight <= self._weight_bound

    def add(self, entry: Entry[Item, Result]) -> None:
        """Let `entry` be the last."""
        self._entries.append(entry)
        self._weight += entry.weight

    def put_back(self, entries: Iterable[Entry[Item, Result]]) -> None:
        """Let `entries` be the next again, in their order."""
        for entry in reversed(list(entries)):
            self._entries.appendleft(entry)
            self._weight += entry.weight

    def discard(self, entry: Entry[Item, Result]) -> bool:
        """Take `entry` out; False if it does not wait here."""
        if entry not in self._entries:
            return False
        self._entries.remove(entry)
        self._weight -= entry.weight
        return True

    def take(self, count: int, weight: int) -> list[Entry[Item, Result]]:
        """The next ones, at most `count` and not over `weight` together, but one at least if any waits."""
        group: list[Entry[Item, Result]] = []
        while self._entries and len(group) < count:
            weight -= self._entries[0].weight
            if group and weight < 0:
                break
            group.append(self._entries.popleft())
            self._weight -= group[-1].weight
        return group
