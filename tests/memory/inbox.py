"""The inbox without a database, with the same meaning as `PostgresInbox`: `tests/inbox_contract` runs over both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import trio

from svc.settings.environment import InDoubtPolicy
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import (
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    Dead,
    Done,
    Ending,
    Received,
    Retry,
    Term,
)


@dataclass
class Row:
    """One row of the inbox."""

    update: Received
    state: str = "pending"
    epoch: int | None = None
    token: int | None = None
    attempts: int = 0
    doubts: int = 0
    started: float = 0.0
    available: float = 0.0
    last_error: str | None = None


@dataclass
class Processed:
    """One row of processed_updates."""

    outcome: str
    at: float
    doubts: int = 0
    attempts: int = 0


class MemoryInbox:
    """`Inbox` in memory.

    While `away`, every method raises DatabaseUnavailable, except `settle`, which waits: its record is made when the
    database is back, also if its caller is cancelled meanwhile; and `flush`, which waits for that.
    """

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.processed: dict[int, Processed] = {}
        self.dead: dict[int, tuple[Received, str]] = {}
        self.term: Term | None = None
        self.away = False
        self.notified = 0
        self.on_notify: Callable[[], None] | None = None
        self._back = trio.Event()
        self._owed: list[tuple[Attempt, Ending]] = []

    @property
    def settlements_waiting(self) -> int:
        """How many settlements wait for the database to come back."""
        return len(self._owed)

    def go_away(self) -> None:
        """The database is gone until `come_back`."""
        self.away = True
        self._back = trio.Event()

    def come_back(self) -> None:
        """The database is there again."""
        self.away = False
        owed, self._owed = self._owed, []
        for attempt, ending in owed:
            self._record(attempt, ending)
        self._back.set()

    async def _crossing(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise DatabaseUnavailable("away")

    async def store(self, update: Received) -> bool:
        await self._crossing()
        if update.update_id in self.rows or update.update_id in self.processed:
            return False
        self.rows[update.update_id] = Row(update, available=trio.current_time())
        return True

    async def begin(self, attempt: Attempt) -> Begun:
        await self._crossing()
        row = self.rows.get(attempt.update_id)
        if attempt.term != self.term:
            return Begun(BeginOutcome.FENCED)
        if row is None or attempt.update_id in self.processed:
            if row is not None and row.state == "pending":
                del self.rows[attempt.update_id]
            return Begun(BeginOutcome.DUPLICATE)
        if row.state == "processing" and (row.epoch, row.token) == (attempt.term.epoch, attempt.token):
            return Begun(BeginOutcome.BEGUN, row.attempts, row.doubts)
        if row.state != "pending" or self._older(row):
            return Begun(BeginOutcome.BUSY)
        row.state, row.epoch, row.token = "processing", attempt.term.epoch, attempt.token
        row.attempts += 1
        row.started = trio.current_time()
        return Begun(BeginOutcome.BEGUN, row.attempts, row.doubts)

    async def dismiss(self, update_id: int) -> None:
        await self._crossing()
        row = self.rows.get(update_id)
        if row is not None and row.state == "pending":
            self._finish(row, "ignored", 0)

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        if self.away:
            self._owed.append((attempt, ending))
            await self._back.wait()
        else:
            self._record(attempt, ending)
            await trio.lowlevel.checkpoint()

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._owed:
            await self._back.wait()

    def _record(self, attempt: Attempt, ending: Ending) -> None:
        row = self.rows.get(attempt.update_id)
        if row is None or (row.epoch, row.token) != (attempt.term.epoch, attempt.token):
            return
        match ending:
            case Done(outcome, doubts):
                self._finish(row, outcome, doubts)
            case Retry(delay, error, doubts):
                row.state, row.token, row.last_error = "pending", None, error
                row.available = trio.current_time() + delay
                row.doubts += doubts
            case Dead(reason, doubts):
                self.dead[attempt.update_id] = (row.update, reason)
                self._finish(row, "dead", doubts)

    async def backfill(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        await self._crossing()
        now = trio.current_time()
        due = [
            row
            for _, row in sorted(self.rows.items())
            if row.state == "pending"
            and row.available <= now
            and row.update.update_id not in without
            and not self._older(row)
        ]
        return [replace(row.update, has_followers=self._younger(row)) for row in due[:limit]]

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        await self._crossing()
        self.term = Term((self.term.epoch if self.term else 0) + 1, holder)
        for row in self.rows.values():
            if row.state == "processing":
                row.state = "in_doubt"
        return self.term

    async def mark_lost(self, term: Term, held: Collection[int], age: float) -> int:
        await self._crossing()
        latest = trio.current_time() - age
        lost = [
            row
            for row in self.rows.values()
            if row.state == "processing" and row.epoch == term.epoch and row.token not in held and row.started < latest
        ]
        for row in lost:
            row.state = "in_doubt"
        return len(lost)

    async def resolve_doubts(self, term: Term, policy: InDoubtPolicy, age: float) -> Sequence[int]:
        await self._crossing()
        if term != self.term:
            return []
        latest = trio.current_time() - age
        rows = [row for row in self.rows.values() if row.state == "in_doubt" and row.started <= latest]
        for row in rows:
            if policy == "skip":
                self._finish(row, "in_doubt", 1)
            else:
                row.state, row.available, row.last_error = "pending", trio.current_time(), "in doubt"
                row.doubts += 1
        return [row.update.update_id for row in rows]

    async def prune(self, age: float, limit: int) -> int:
        await self._crossing()
        latest = trio.current_time() - age
        old = sorted((row.at, update_id) for update_id, row in self.processed.items() if row.at < latest)[:limit]
        for _, update_id in old:
            del self.processed[update_id]
        return len(old)

    async def notify_leader(self) -> None:
        await self._crossing()
        self.notified += 1
        if self.on_notify is not None:
            self.on_notify()

    def _finish(self, row: Row, outcome: str, doubts: int) -> None:
        del self.rows[row.update.update_id]
        self.processed.setdefault(
            row.update.update_id, Processed(outcome, trio.current_time(), row.doubts + doubts, row.attempts)
        )

    def _older(self, row: Row) -> bool:
        return any(
            other.update.chat_id == row.update.chat_id and other.update.update_id < row.update.update_id
            for other in self.rows.values()
        )

    def _younger(self, row: Row) -> bool:
        return any(
            other.update.chat_id == row.update.chat_id and other.update.update_id > row.update.update_id
            for other in self.rows.values()
        )
