"""Group commit: callers that come at the same time share one statement and one commit.

A commit costs the database the same for one row as for fifty, and the way from Trio to asyncio costs more than either.
While one group is being written the next one gathers; nothing is ever delayed to make a group larger. Measured:
2,800 inserts a second one by one, 55,000 rows a second in groups of 50.

One item must not fail or hold up its neighbours. So a group that the database did not write, though it answers, is
written item by item: the one whose row somebody else has locked, or whose data is refused, fails alone. After three
in a row that were busy the whole table must be, and the rest is not tried.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
import trio

from svc.storage.errors import DatabaseUnavailable, StatementFailed
from svc.storage.set_aside import SetAside
from svc.storage.write_queue import Entry, WriteQueue
from svc.waiting import Backoff, Wakeup

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")

Observe = Callable[[int, float], None]
"""Told of a group, once its statement has been answered or has failed: how many items, and after how many seconds."""
ObserveGroups = Callable[[str, int, float], None]
"""The same of several kinds of writes, with the name of the kind first."""


def observe_nothing(_write: str, _items: int, _seconds: float) -> None:
    """For those who do not want to know."""


GROUP_SIZE = 100
WAITING_BOUND = 2000
# The same in what `weigh` measures, usually bytes.
GROUP_WEIGHT = 8 * 1024 * 1024
WAITING_WEIGHT_BOUND = 64 * 1024 * 1024
BUSY_IN_A_ROW = 3
# In seconds.
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 1.0


class Overloaded(DatabaseUnavailable):
    """As many callers wait as are allowed to; nothing was written."""


@dataclass(frozen=True)
class _Untried(Generic[Item, Result]):
    """Entries that were not written because the database is away, or all of a table is locked."""

    entries: Sequence[Entry[Item, Result]]
    error: DatabaseUnavailable


class GroupCommit(Generic[Item, Result]):
    """One kind of write. `write` takes up to `size` items and returns their results in the same order.

    A `durable` one is for writes that record what has happened: an item stays until it is written, through every
    outage, also when its caller is cancelled or the database refuses it, and it is never refused for want of room: who
    uses it bounds its callers. Any other item leaves with its caller or with the first failure.

    `weigh` says how many bytes an item holds: at most `bytes_waiting` wait, and `group_bytes` go into a group.
    `abandoned` is called with an item, not durable, whose caller was cancelled while its group was being written, once
    that has ended, whatever came of it: nobody hears the result. `observe` is told of each statement. `rng` is for the
    jitter of tries.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        size: int = GROUP_SIZE,
        waiting: int = WAITING_BOUND,
        weigh: Callable[[Item], int] | None = None,
        bytes_waiting: int = WAITING_WEIGHT_BOUND,
        group_bytes: int = GROUP_WEIGHT,
        durable: bool = False,
        abandoned: Callable[[Item], None] | None = None,
        observe: Observe | None = None,
        rng: random.Random | None = None,
    ) -> None:
        rng = rng or random.Random()  # noqa: S311 (jitter)
        self._write = write
        self._observe = observe
        self._size = size
        self._group_bytes = group_bytes
        self._weigh = weigh
        self._durable = durable
        self._abandoned = abandoned
        self._backoff = Backoff(FIRST_BACKOFF, LONGEST_BACKOFF, rng)
        self._waiting: WriteQueue[Item, Result] = WriteQueue(waiting, bytes_waiting)
        self._aside: SetAside[Item, Result] = SetAside(self._write_one, self._no_longer_awaited, rng)
        self._new_items = Wakeup()
        self._awaited = 0
        self._idle = trio.Event()
        self._idle.set()

    async def submit(self, item: Item) -> Result:
        """Write `item` with the next group. Raises Overloaded, DatabaseUnavailable, or what `write` raised.

        With a durable one it raises nothing, and returns once the item is written.
        """
        entry: Entry[Item, Result] = Entry(item, self._weigh(item) if self._weigh else 0)
        self._accept(entry)
        try:
            await entry.done.wait()
        except trio.Cancelled:
            entry.left = True
            if not self._durable and self._waiting.discard(entry):
                self._no_longer_awaited(entry)
            raise
        if entry.error is not None:
            raise entry.error
        return entry.result  # type: ignore[return-value]

    def put(self, item: Item) -> None:
        """Write `item`, of a durable one, with the next group; nobody waits for it but `flush`."""
        self._accept(Entry(item, self._weigh(item) if self._weigh else 0))

    async def flush(self) -> None:
        """Return once nothing waits or is being written. For ever, if something waits and `run` does not run.

        Durable items that the database has refused for their data are not waited for: the next try will hardly differ.
        """
        await self._idle.wait()

    async def run(self) -> None:
        """Write groups until cancelled."""
        async with trio.open_nursery() as nursery:
            if self._durable:
                nursery.start_soon(self._aside.run)
            while True:
                if not self._waiting:
                    self._new_items.clear()
                    await self._new_items.wait()
                    # Everyone who is ready to run at this moment may join.
                    await trio.lowlevel.checkpoint()
                # Empty where the caller that woke this task has been cancelled since.
                if group := self._waiting.take(self._size, self._group_bytes):
                    await self._write_or_wait(group)

    def _accept(self, entry: Entry[Item, Result]) -> None:
        if not self._durable and not self._waiting.has_room_for(entry.weight):
            raise Overloaded("too many writes are waiting")
        self._waiting.add(entry)
        self._new_items.set()
        self._awaited += 1
        if self._idle.is_set():
            self._idle = trio.Event()

    async def _observed(self, items: Sequence[Item]) -> Sequence[Result]:
        if self._observe is None:
            return await self._write(items)
        began = trio.current_time()
        try:
            results = await self._write(items)
        except Exception:
            self._observe(len(items), trio.current_time() - began)
            raise
        self._observe(len(items), trio.current_time() - began)
        return results

    async def _write_or_wait(self, group: list[Entry[Item, Result]]) -> None:
        untried = await self._write_group(group)
        if untried is None:
            self._backoff.reset()
        elif self._durable:
            self._waiting.put_back(untried.entries)
            log.warning("DB_LOST", error=str(untried.error), waiting=len(self._waiting))
            await trio.sleep(self._backoff.next())
        else:
            self._fail(untried.entries, untried.error)
        if self._abandoned is not None:
            for entry in group:
                if entry.left and not self._durable:
                    self._abandoned(entry.item)

    async def _write_group(self, group: Sequence[Entry[Item, Result]]) -> _Untried[Item, Result] | None:
        """Write all of `group`, if need be singly. Returns what is left because the database is away."""
        try:
            results = await self._observed([entry.item for entry in group])
        except Exception as error:
            if isinstance(error, DatabaseUnavailable) and not isinstance(error, StatementFailed):
                return _Untried(group, error)
            if len(group) > 1:
                return await self._write_singly(group, error)
            self._failed_alone(group[0], error)
            return None
        for entry, result in zip(group, results, strict=True):
            self._finish(entry, result)
        return None

    async def _write_singly(
        self, group: Sequence[Entry[Item, Result]], reason: Exception
    ) -> _Untried[Item, Result] | None:
        busy = 0
        for number, entry in enumerate(group):
            if entry.left and not self._durable:
                self._fail([entry], reason)
                continue
            try:
                await self._write_one(entry)
                busy = 0
            except StatementFailed as error:
                self._failed_alone(entry, error)
                busy += 1
                if busy == BUSY_IN_A_ROW:
                    return _Untried(group[number + 1 :], error)
            except DatabaseUnavailable as error:
                return _Untried(group[number:], error)
            except Exception as error:
                self._failed_alone(entry, error)
        return None

    async def _write_one(self, entry: Entry[Item, Result]) -> None:
        (result,) = await self._observed([entry.item])
        self._finish(entry, result)

    def _failed_alone(self, entry: Entry[Item, Result], error: Exception) -> None:
        if self._durable:
            self._aside.add(entry, error)
        else:
            self._fail([entry], error)

    def _finish(self, entry: Entry[Item, Result], result: Result) -> None:
        entry.result = result
        entry.done.set()
        self._no_longer_awaited(entry)

    def _fail(self, entries: Sequence[Entry[Item, Result]], error: Exception) -> None:
        for entry in entries:
            entry.error = error
            entry.done.set()
            self._no_longer_awaited(entry)

    def _no_longer_awaited(self, entry: Entry[Item, Result]) -> None:
        if entry.awaited:
            entry.awaited = False
            self._awaited -= 1
        if not self._awaited:
            self._idle.set()
