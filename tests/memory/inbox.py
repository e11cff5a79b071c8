"""The inbox without a database, with the same meaning as `PostgresInbox`: `tests/inbox_contract` runs over both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import trio

from svc.settings.environment import InDoubtPolicy
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import (
    CANNOT_BE_TOLD,
    NO_CHAT,
    SENDS_IN_DOUBT,
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    Dead,
    Done,
    Ending,
    Received,
    Resolved,
    Retry,
    StoreOutcome,
    Term,
    Window,
)
from svc.storage.reading_sql import READ_BYTES, WINDOW


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
    repeatable: bool = False
    blamed: int = 0


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

    def __init__(self, *, window: int = WINDOW) -> None:
        self._window = window
        self.rows: dict[int, Row] = {}
        self.processed: dict[int, Processed] = {}
        self.dead: dict[int, tuple[Received, str]] = {}
        self.died_at: dict[int, float] = {}
        self.term: Term | None = None
        self.paused: str | None = None
        self._deciding: tuple[int, int | None] = (0, None)
        self.away = False
        self.notified = 0
        self.on_notify: Callable[[Sequence[int]], None] | None = None
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

    async def store(self, update: Received) -> StoreOutcome:
        await self._crossing()
        if update.update_id in self.rows or update.update_id in self.processed:
            return StoreOutcome.DUPLICATE
        alone = update.chat_id == NO_CHAT or all(row.update.chat_id != update.chat_id for row in self.rows.values())
        self.rows[update.update_id] = Row(replace(update, is_first=False), available=trio.current_time())
        return StoreOutcome.FIRST if alone else StoreOutcome.BEHIND

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
        row.repeatable = attempt.repeatable
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
                self._die(row, reason, doubts)

    async def backfill(self, limit: int, *, after: int | None = None, without: Collection[int] = ()) -> Window:
        await self._crossing()
        looked_at = [each for each in sorted(self.rows) if after is None or each > after][: self._window]
        ready = [each for each in looked_at if each not in without and self._may_go(each, due=True)]
        found = self._read(ready[:limit])
        if len(found) < len(ready):
            return Window(found, found[-1].update_id if found else after)
        return Window(found, looked_at[-1] if len(looked_at) == self._window else None)

    async def newest(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        await self._crossing()
        latest = sorted(self.rows, reverse=True)[: self._window]
        return self._read([each for each in latest if each not in without and self._may_go(each, due=True)][:limit])

    async def fetch(self, update_ids: Sequence[int]) -> list[Received]:
        await self._crossing()
        return self._read([each for each in sorted(set(update_ids)) if self._may_go(each, due=False)])

    async def followers(self, chat_ids: Sequence[int], limit: int) -> list[Received]:
        await self._crossing()
        found: list[int] = []
        for chat_id in sorted(set(chat_ids) - {NO_CHAT}):
            chat = sorted(each for each, row in self.rows.items() if row.update.chat_id == chat_id)
            for place, update_id in enumerate(chat[:limit]):
                row = self.rows[update_id]
                if row.state == "pending" and self._is_due(row):
                    found.append(update_id)
                elif place > 0 or not self._in_flight(row):
                    break
        return self._read(found)

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        await self._crossing()
        self.term = Term((self.term.epoch if self.term else 0) + 1, holder)
        self.paused = None
        return self.term

    async def rehearse(self) -> None:
        await self._crossing()

    async def resolve_doubts(
        self, term: Term, policy: InDoubtPolicy, age: float, held: Collection[int]
    ) -> Sequence[Resolved]:
        await self._crossing()
        if term != self.term:
            return []
        latest = trio.current_time() - age
        doubtful = [
            row
            for row in self.rows.values()
            if row.state == "processing"
            and row.started <= latest
            and (row.epoch != term.epoch or row.token not in held)
        ]
        return [self._resolve(row, policy) for row in doubtful]

    def _resolve(self, row: Row, policy: InDoubtPolicy) -> Resolved:
        update_id = row.update.update_id
        if not row.repeatable and policy == "skip":
            self._finish(row, "in_doubt", 1)
            return Resolved(update_id, "skip")
        if not row.repeatable and row.doubts + 1 >= SENDS_IN_DOUBT:
            self._die(row, CANNOT_BE_TOLD, 1)
            return Resolved(update_id, "dead")
        row.state, row.available, row.last_error = "pending", trio.current_time(), "in doubt"
        row.doubts += not row.repeatable
        return Resolved(update_id, "repeat" if row.repeatable else "resend")

    async def note_deciding(self, term: Term, update_id: int | None) -> int:
        await self._crossing()
        epoch, deciding = self._deciding
        if epoch > term.epoch:
            return 0
        if deciding in self.rows and epoch < term.epoch:
            self.rows[deciding].blamed += 1
        self._deciding = term.epoch, update_id
        return self.rows[update_id].blamed if update_id in self.rows else 0

    async def note_pause(self, term: Term, reason: str | None) -> None:
        await self._crossing()
        if term == self.term:
            self.paused = reason

    async def prune(self, age: float, limit: int) -> int:
        await self._crossing()
        latest = trio.current_time() - age
        old = sorted((row.at, update_id) for update_id, row in self.processed.items() if row.at < latest)[:limit]
        for _, update_id in old:
            del self.processed[update_id]
        return len(old)

    async def prune_dead(self, age: float, limit: int) -> int:
        await self._crossing()
        latest = trio.current_time() - age
        old = sorted((at, update_id) for update_id, at in self.died_at.items() if at < latest)[:limit]
        for _, update_id in old:
            del self.dead[update_id], self.died_at[update_id]
        return len(old)

    async def notify_leader(self, update_ids: Sequence[int] = ()) -> None:
        await self._crossing()
        self.notified += 1
        if self.on_notify is not None:
            self.on_notify(update_ids)

    def _may_go(self, update_id: int, *, due: bool) -> bool:
        row = self.rows.get(update_id)
        if row is None or row.state != "pending" or (due and not self._is_due(row)):
            return False
        return not self._older(row)

    def _is_due(self, row: Row) -> bool:
        return row.attempts == 0 or row.available <= trio.current_time()

    def _in_flight(self, row: Row) -> bool:
        return row.state == "processing" and self.term is not None and row.epoch == self.term.epoch

    def _read(self, update_ids: Sequence[int]) -> list[Received]:
        """These updates, as many as READ_BYTES allow, but one at least."""
        found: list[Received] = []
        total = 0
        for update_id in update_ids:
            row = self.rows[update_id]
            total += len(row.update.payload)
            if found and total > READ_BYTES:
                break
            found.append(replace(row.update, has_followers=self._younger(row)))
        return found

    def _die(self, row: Row, reason: str, doubts: int) -> None:
        update_id = row.update.update_id
        self.dead[update_id] = (row.update, reason)
        self.died_at[update_id] = trio.current_time()
        self._finish(row, "dead", doubts)

    def _finish(self, row: Row, outcome: str, doubts: int) -> None:
        del self.rows[row.update.update_id]
        self.processed.setdefault(
            row.update.update_id, Processed(outcome, trio.current_time(), row.doubts + doubts, row.attempts)
        )

    def _older(self, row: Row) -> bool:
        return row.update.chat_id != NO_CHAT and any(
            other.update.chat_id == row.update.chat_id and other.update.update_id < row.update.update_id
            for other in self.rows.values()
        )

    def _younger(self, row: Row) -> bool:
        return row.update.chat_id != NO_CHAT and any(
            other.update.chat_id == row.update.chat_id and other.update.update_id > row.update.update_id
            for other in self.rows.values()
        )
