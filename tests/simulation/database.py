"""The database of the simulation: the inbox in memory, and what can go wrong with a statement on the server's side."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any, TypeVar

import trio

from svc.storage.errors import DatabaseBusy, DatabaseRefused, DatabaseUnavailable
from tests.memory.inbox import MemoryInbox, Row

T = TypeVar("T")

LOCK_TIMEOUT = 0.5
STATEMENT_DEADLINE = 1.5
# Small, so that the few dozen updates of a run are many windows.
WINDOW = 8
# A settlement that waited for the database comes again within its backoff.
AFTERMATH = 3.0


class SimulatedDatabase:
    """One primary, perhaps with a standby that its commits wait for. `run` is what every statement goes through.

    `refusing`: the server answers every statement with a refusal. `locked`: updates whose rows somebody else has
    locked. `standby_away`: what is written is committed here, and its confirmation never comes. `heard_begun`: when
    some instance first heard of an update that it was begun.
    """

    def __init__(self) -> None:
        self.inbox = MemoryInbox(window=WINDOW)
        self.refusing = False
        self.locked: set[int] = set()
        self.heard_begun: dict[int, float] = {}
        self.failovers = 0
        self._confirmed: dict[str, Any] | None = None
        self._troubled_at = -AFTERMATH

    @property
    def troubled(self) -> bool:
        """Whether statements fail, or did until a moment ago."""
        if self.inbox.away or self.refusing or self.standby_away or self.locked:
            self._troubled_at = trio.current_time()
        return trio.current_time() - self._troubled_at < AFTERMATH

    @property
    def standby_away(self) -> bool:
        """Whether commits wait for a standby that does not answer."""
        return self._confirmed is not None

    async def run(self, work: Callable[[], Awaitable[T]], *, rows: Collection[int] = (), writes: bool = True) -> T:
        """Run a statement on these rows, as the server does it today."""
        if self.refusing:
            raise DatabaseRefused("permission denied")
        if not self.locked.isdisjoint(rows):
            await trio.sleep(LOCK_TIMEOUT)
            raise DatabaseBusy("canceling statement due to lock timeout")
        result = await work()
        if writes and self.standby_away and self.waits_for_standby(result):
            await trio.sleep(STATEMENT_DEADLINE)
            raise DatabaseUnavailable("committed here, and not confirmed by the standby")
        return result

    def waits_for_standby(self, result: object) -> bool:
        """Whether the commit has anything to wait for; a store of duplicates has, too."""
        return True

    def standby_goes(self) -> None:
        """From now on nothing is confirmed."""
        self._confirmed = self._confirmed or copy.deepcopy(self._contents())

    def standby_returns(self) -> None:
        """What was committed meanwhile is on the standby, too."""
        self._touch()
        self._confirmed = None

    def fail_over(self) -> None:
        """The primary is lost and the standby takes its place: what was not confirmed is gone."""
        self.failovers += 1
        if self._confirmed is not None:
            for name, value in self._confirmed.items():
                setattr(self.inbox, name, value)
        self.standby_returns()

    def all_rows(self) -> Iterator[Row]:
        """Those of the inbox, and as the standby knows them, which may take over."""
        yield from self.inbox.rows.values()
        if self._confirmed is not None:
            yield from self._confirmed["rows"].values()

    def calm(self) -> None:
        """Everything is well again."""
        self._touch()
        self.refusing = False
        self.locked.clear()
        self.standby_returns()
        if self.inbox.away:
            self.inbox.come_back()

    def _touch(self) -> None:
        self._troubled_at = trio.current_time()

    def _contents(self) -> dict[str, Any]:
        names = ("rows", "processed", "dead", "died_at", "chats", "jobs", "term", "acquired_at", "seen")
        return {name: getattr(self.inbox, name) for name in names}
