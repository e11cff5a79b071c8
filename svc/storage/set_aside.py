"""Items of a durable group commit that could not be written with the others: tried alone, while those go on."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import structlog
import trio

from svc.observability.errors import describe
from svc.storage.errors import DatabaseUnavailable
from svc.storage.write_queue import Entry
from svc.waiting import Backoff, Wakeup

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")

# In seconds: while somebody else has the row, and where the database refuses the item for its data.
BUSY_BACKOFF = (0.1, 1.0)
REFUSED_BACKOFF = (1.0, 60.0)


class _Straggler(Generic[Item, Result]):
    __slots__ = ("due", "entry", "refused", "tries")

    def __init__(self, entry: Entry[Item, Result]) -> None:
        self.entry = entry
        self.tries = 0
        self.refused = False
        self.due = 0.0


class SetAside(Generic[Item, Result]):
    """Each item is tried by itself with a backoff of its own until `write`, which writes one entry, does not raise.

    None is ever discarded. `refused` is called with an entry that the database refuses for its data, every time. `ids`
    says what an item is about, for the log.
    """

    def __init__(
        self,
        write: Callable[[Entry[Item, Result]], Awaitable[None]],
        refused: Callable[[Entry[Item, Result]], None],
        ids: Callable[[Item], Mapping[str, int]],
        rng: random.Random,
    ) -> None:
        self._write = write
        self._ids = ids
        self._refused = refused
        self._busy_backoff = Backoff(*BUSY_BACKOFF, rng)
        self._refused_backoff = Backoff(*REFUSED_BACKOFF, rng)
        self._stragglers: list[_Straggler[Item, Result]] = []
        self._new = Wakeup()

    def add(self, entry: Entry[Item, Result], error: Exception) -> None:
        """Take over `entry`, which has just failed with `error`."""
        straggler = _Straggler(entry)
        self._stragglers.append(straggler)
        self._failed(straggler, error)
        self._new.set()

    async def run(self) -> None:
        """Try them, the one that is due first, until cancelled."""
        while True:
            next_due = min((straggler.due for straggler in self._stragglers), default=float("inf"))
            with trio.move_on_at(next_due):
                await self._new.wait()
                continue
            await self._try(min(self._stragglers, key=lambda straggler: straggler.due))

    async def _try(self, straggler: _Straggler[Item, Result]) -> None:
        try:
            await self._write(straggler.entry)
        except Exception as error:
            self._failed(straggler, error)
        else:
            self._stragglers.remove(straggler)

    def _failed(self, straggler: _Straggler[Item, Result], error: Exception) -> None:
        refused = not isinstance(error, DatabaseUnavailable)
        if refused != straggler.refused:
            straggler.refused, straggler.tries = refused, 0
        straggler.tries += 1
        pause = (self._refused_backoff if refused else self._busy_backoff).after(straggler.tries)
        straggler.due = trio.current_time() + pause
        if refused:
            told = {"tries": straggler.tries, "ms": int(pause * 1000), **self._ids(straggler.entry.item)}
            log.error("NOT_WRITTEN", error=describe(error), **told, exc_info=error)
            self._refused(straggler.entry)
