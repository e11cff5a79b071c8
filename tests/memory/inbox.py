"""The inbox without a database, with the same meaning as `PostgresInbox`: `tests/inbox_contract` runs over both."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

import trio

from svc.settings.environment import Fallback
from svc.storage import looks
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import (
    CANNOT_BE_TOLD,
    JOB_ENDED,
    NO_CHAT,
    NO_STATE,
    SENDS_IN_DOUBT,
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    ChatState,
    Dead,
    Done,
    Effects,
    Ending,
    Received,
    Resolved,
    Retry,
    SentFile,
    Stored,
    StoreOutcome,
    Term,
    Unclear,
    Window,
)
from svc.storage.jobs import read_job_event
from svc.storage.looks import (
    ABSENT_LOOKS,
    MOST_LOOKS,
    MOST_RESENDS,
    Absent,
    CannotBeTold,
    DueLook,
    Found,
    KnownIds,
    LookOutcome,
    LookResult,
    Unsure,
)
from svc.storage.orders import NO_ORDERS
from svc.storage.reading_sql import READ_BYTES, WINDOW
from telegram_client.message_ids import sequence_of
from tests.memory.effects import ChatStates, Over, follow
from tests.memory.job_rows import JobRow


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
    watermark: int | None = None
    dead_if_sent: str | None = None
    effects: Effects | None = None
    looks: int = 0
    absent: int = 0
    resends: int = 0
    look_at: float = 0.0
    sent: list[int] = field(default_factory=list)
    """The ids of all messages that its attempts have sent, as the answers told."""

    def forget_looks(self) -> None:
        """Whatever was sent, the next send begins anew."""
        self.looks = self.absent = self.resends = 0
        self.dead_if_sent = None


@dataclass
class Processed:
    """One row of processed_updates."""

    outcome: str
    at: float
    doubts: int = 0
    attempts: int = 0
    chat_id: int = 0
    message_id: int | None = None
    sent_id: int | None = None
    sent: list[int] = field(default_factory=list)


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
        self.chats: ChatStates = {}
        self.jobs: dict[int, JobRow] = {}
        self.term: Term | None = None
        self.paused: str | None = None
        self.paused_by: str | None = None
        self.orders = NO_ORDERS
        self._deciding: tuple[int, int | None] = (0, None)
        self.away = False
        self.notified = 0
        self.on_notify: Callable[[Sequence[int]], None] | None = None
        self._back = trio.Event()
        self._owed: list[Callable[[], None]] = []
        self.acquired_at = 0.0
        self.seen: dict[int, float] = {}
        """When the instance that led this epoch was last heard of."""

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
        for record in owed:
            record()
        self._back.set()

    async def crossing(self) -> None:
        """What every statement costs; raises DatabaseUnavailable while the database is gone."""
        await trio.lowlevel.checkpoint()
        if self.away:
            raise DatabaseUnavailable("away")

    async def store(self, update: Received, attempt: Attempt | None = None) -> Stored:
        await self.crossing()
        if update.update_id in self.rows or update.update_id in self.processed:
            return Stored(StoreOutcome.DUPLICATE)
        alone = update.chat_id == NO_CHAT or not self._has_rows(update.chat_id)
        self.put(update)
        begun = None
        if attempt is not None and alone and update.chat_id != NO_CHAT:
            answer = self._begin(attempt)
            begun = answer if answer.outcome is BeginOutcome.BEGUN else None
            if begun is not None and attempt.is_nothing:
                row = self.rows[update.update_id]
                row.attempts = 0
                self._finish(row, "ignored", 0)
                return Stored(StoreOutcome.DONE)
        return Stored(StoreOutcome.FIRST if alone else StoreOutcome.BEHIND, self.state_of(update.chat_id), begun)

    def put(self, update: Received) -> None:
        """Have `update` in the inbox, pending."""
        self.rows[update.update_id] = Row(replace(update, is_first=False), available=trio.current_time())

    def state_of(self, chat_id: int) -> ChatState:
        """The state of this chat."""
        return self.chats.get(chat_id, NO_STATE)

    async def begin(self, attempt: Attempt) -> Begun:
        await self.crossing()
        return self._begin(attempt)

    def _begin(self, attempt: Attempt) -> Begun:
        row = self.rows.get(attempt.update_id)
        if attempt.term != self.term:
            return Begun(BeginOutcome.FENCED)
        if row is None or attempt.update_id in self.processed:
            if row is not None and row.state == "pending":
                del self.rows[attempt.update_id]
            return Begun(BeginOutcome.DUPLICATE)
        if row.state == "processing" and (row.epoch, row.token) == (attempt.term.epoch, attempt.token):
            return self._begun(row)
        if not self._may_begin(row) or self._older(row) or self._kept_out(row):
            return Begun(BeginOutcome.BUSY)
        if attempt.state_version != self.state_of(row.update.chat_id).version:
            return Begun(BeginOutcome.BUSY)
        row.resends += row.state == "in_doubt"
        row.state, row.epoch, row.token = "processing", attempt.term.epoch, attempt.token
        row.repeatable, row.dead_if_sent, row.effects = attempt.repeatable, attempt.dead_if_sent, attempt.effects
        if not row.resends:
            row.watermark = attempt.watermark
        row.absent = 0
        row.attempts += 1
        row.started = trio.current_time()
        return self._begun(row)

    def _begun(self, row: Row) -> Begun:
        return Begun(BeginOutcome.BEGUN, row.attempts, row.doubts, row.watermark if row.resends else None)

    async def dismiss(self, update_id: int) -> None:
        await self.crossing()
        row = self.rows.get(update_id)
        if row is not None and self._may_begin(row):
            self._finish(row, "ignored", 0)

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        await self.durably(partial(self._record, attempt, ending, calls))

    async def durably(self, record: Callable[[], None]) -> None:
        """Make this record as soon as the database is there, whatever becomes of the caller."""
        if self.away:
            self._owed.append(record)
            await self._back.wait()
        else:
            record()
            await trio.lowlevel.checkpoint()

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._owed:
            await self._back.wait()

    def _record(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        row = self.rows.get(attempt.update_id)
        if row is None or (row.epoch, row.token) != (attempt.term.epoch, attempt.token):
            return
        sent = [call.message_id for call in calls if call.message_id is not None]
        row.sent += sent
        sent_id = sent[0] if sent else None
        sent_first = sorted(calls, key=lambda call: call.message_id is None)
        file = next((call.file for call in sent_first if call.file is not None), None)
        match ending:
            case Unclear(delay, error, doubts):
                row.state, row.token, row.last_error = "in_doubt", None, error
                row.absent, row.look_at = 0, trio.current_time() + delay
                row.doubts += doubts
            case Done(outcome, doubts):
                self._finish(row, outcome, doubts, sent_id, file)
            case Retry(delay, error, 0) if row.resends:
                # Sent before, and not found: one more look comes right before it is sent again.
                row.state, row.token, row.last_error = "in_doubt", None, error
                row.absent, row.look_at = ABSENT_LOOKS - 1, trio.current_time() + delay
            case Retry(delay, error, doubts):
                row.state, row.token, row.last_error = "pending", None, error
                row.available = trio.current_time() + delay
                row.doubts += doubts
                row.forget_looks()
            case Dead(reason, doubts):
                self._die(row, reason, doubts, sent_id)

    async def backfill(self, limit: int, *, after: int | None = None, without: Collection[int] = ()) -> Window:
        await self.crossing()
        looked_at = [each for each in sorted(self.rows) if after is None or each > after][: self._window]
        ready = [each for each in looked_at if each not in without and self._may_go(each, due=True)]
        found = self._read(ready[:limit])
        if len(found) < len(ready):
            return Window(found, found[-1].update_id if found else after)
        return Window(found, looked_at[-1] if len(looked_at) == self._window else None)

    async def newest(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        await self.crossing()
        latest = sorted(self.rows, reverse=True)[: self._window]
        return self._read([each for each in latest if each not in without and self._may_go(each, due=True)][:limit])

    async def fetch(self, update_ids: Sequence[int]) -> list[Received]:
        await self.crossing()
        return self._read([each for each in sorted(set(update_ids)) if self._may_go(each, due=False)])

    async def followers(self, chat_ids: Sequence[int], limit: int) -> list[Received]:
        await self.crossing()
        found: list[int] = []
        for chat_id in sorted(set(chat_ids) - {NO_CHAT}):
            chat = sorted(each for each, row in self.rows.items() if row.update.chat_id == chat_id)
            for place, update_id in enumerate(chat[:limit]):
                row = self.rows[update_id]
                if self._may_begin(row) and self._is_due(row):
                    found.append(update_id)
                elif place > 0 or not self._in_flight(row):
                    break
        return self._read(found)

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        await self.crossing()
        self.orders = replace(self.orders, step_down=None)
        self.term = Term((self.term.epoch if self.term else 0) + 1, holder, self.orders)
        self.paused = self.paused_by = None
        self.acquired_at = trio.current_time()
        return self.term

    async def rehearse(self) -> None:
        await self.crossing()

    async def resolve_doubts(
        self,
        term: Term,
        policy: Fallback,
        age: float,
        held: Collection[int],
        *,
        look: bool = False,
        file_age: float = 0.0,
    ) -> Sequence[Resolved]:
        await self.crossing()
        if term != self.term:
            return []
        now = trio.current_time()
        file_may_come = now - self.acquired_at < file_age
        doubtful = [
            row
            for _, row in sorted(self.rows.items())
            if row.started <= now - age
            and not (file_may_come and row.update.update_id < 0 and not row.repeatable)
            and (self._left_behind(row, held) or row.state == "in_doubt")
            and not (look and _can_be_looked_for(row))
        ]
        return [self._resolve(row, policy) for row in doubtful]

    def _left_behind(self, row: Row, held: Collection[int]) -> bool:
        """Whether it is processing, and no worker that leads is at it."""
        assert self.term is not None
        return row.state == "processing" and (row.epoch != self.term.epoch or row.token not in held)

    def _resolve(self, row: Row, policy: Fallback) -> Resolved:
        update_id = row.update.update_id
        if row.dead_if_sent is not None:
            self._die(row, row.dead_if_sent, 1)
            return Resolved(update_id, "dead")
        if not row.repeatable and policy == "skip":
            self._finish(row, "in_doubt", 1)
            return Resolved(update_id, "skip")
        if not row.repeatable and (row.doubts + 1 >= SENDS_IN_DOUBT or row.resends >= MOST_RESENDS):
            self._die(row, CANNOT_BE_TOLD, 1)
            return Resolved(update_id, "dead")
        row.state, row.available, row.last_error = "pending", trio.current_time(), "in doubt"
        row.doubts += not row.repeatable
        row.forget_looks()
        return Resolved(update_id, "repeat" if row.repeatable else "resend")

    async def due_looks(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueLook]:
        await self.crossing()
        if term != self.term:
            return []
        looked_at = [row for each, row in sorted(self.rows.items()) if each not in without]
        due = [row for row in looked_at if self._look_is_due(row, held)]
        due = sorted(due, key=lambda row: row.looks)[:limit]
        for row in due:
            row.looks += 1
            row.absent = min(row.absent, ABSENT_LOOKS - 1)
            row.state, row.look_at = "in_doubt", trio.current_time() + looks.LOOK_GAP
        return sorted(self._due_look(row) for row in due)

    def _due_look(self, row: Row) -> DueLook:
        assert row.watermark is not None
        return DueLook(
            row.update.update_id,
            row.update.chat_id,
            row.token or 0,
            row.watermark,
            row.looks,
            row.absent,
            trio.current_time() - row.started,
            trio.current_time() - row.update.arrived,
            row.attempts,
            read_job_event(row.update.payload) if row.update.kind == JOB_ENDED else None,
        )

    def _look_is_due(self, row: Row, held: Collection[int]) -> bool:
        now = trio.current_time()
        if not _can_be_looked_for(row):
            return False
        if row.state == "in_doubt" and row.look_at > now:
            return False
        assert self.term is not None
        if row.epoch not in (None, self.term.epoch) and row.token is not None and self._owner_lives(row):
            return row.started <= now - looks.OWNER_PATIENCE
        if row.state == "in_doubt":
            return True
        if not self._left_behind(row, held):
            return False
        if row.epoch == self.term.epoch:
            return row.started <= now - looks.OWNER_PATIENCE
        return self.acquired_at <= now - looks.OWNER_SILENT

    def _owner_lives(self, row: Row) -> bool:
        return self.seen.get(row.epoch or 0, -1.0) > self.acquired_at

    async def settle_look(
        self, term: Term, due: DueLook, result: LookResult, policy: Fallback, *, probes: int
    ) -> LookOutcome:
        await self.crossing()
        row = self.rows.get(due.update_id)
        if term != self.term or row is None or row.state != "in_doubt" or not _can_be_looked_for(row):
            return LookOutcome.GONE
        if (row.looks, row.absent, row.token or 0) != (due.number, due.absent, due.token):
            return LookOutcome.GONE
        match result:
            case Found(message_id) if row.dead_if_sent is not None:
                self._die(row, row.dead_if_sent, 0, message_id)
                return LookOutcome.APOLOGISED
            case Found(message_id):
                self._finish(row, "done", 0, message_id)
                return LookOutcome.FOUND
            case Absent() if row.absent + 1 >= ABSENT_LOOKS and row.resends >= MOST_RESENDS:
                pass
            case Absent() if row.absent + 1 >= ABSENT_LOOKS:
                row.absent += 1
                last = row.looks >= MOST_LOOKS
                row.look_at = math.inf if last else trio.current_time() + looks.CLEARED_FOR
                return LookOutcome.SEND
            case Absent() if row.looks < MOST_LOOKS:
                row.absent += 1
                row.look_at = trio.current_time() + looks.LOOK_GAP
                return LookOutcome.LOOK_AGAIN
            case CannotBeTold():
                pass
            case Unsure() if row.looks < MOST_LOOKS:
                row.look_at = trio.current_time() + result.pause(row.looks)
                return LookOutcome.LOOK_AGAIN
        return LookOutcome(self._resolve(row, policy).how)

    async def known_ids(self, due: DueLook) -> KnownIds:
        await self.crossing()
        sequence = sequence_of(due.chat_id)
        waiting = [row.update for row in self.rows.values() if row.update.update_id > due.update_id]
        brought = [(update.chat_id, update.message_id) for update in waiting]
        brought += [(row.chat_id, row.message_id) for row in self.processed.values()]
        sent = [(row.chat_id, row.sent_id) for row in self.processed.values() if row.sent_id is not None]
        # Of the chat itself each message of every attempt, those of this update's earlier ones too.
        of_chat = [row for row in self.processed.values() if row.chat_id == due.chat_id]
        brought += [(row.chat_id, each) for row in of_chat for each in row.sent]
        row = self.rows.get(due.update_id)
        brought += [(due.chat_id, each) for each in row.sent] if row is not None else []
        ids = frozenset(
            each
            for chat_id, each in [*brought, *sent]
            if each is not None and each > due.watermark and sequence_of(chat_id) == sequence
        )
        own = [each for each in sent if each[0] == due.chat_id] or [each for each in sent if each[0] > 0]
        waits = [row for each, row in self.rows.items() if each != due.update_id and row.update.chat_id == due.chat_id]
        untold = any(row.doubts for row in of_chat) or any(row.doubts for row in waits)
        others = [row for each, row in self.rows.items() if each != due.update_id]
        in_doubt = sum(row.state == "in_doubt" or self._left_by_others(row) for row in others)
        return KnownIds(ids, max(ids, default=None), own[-1] if own else None, untold=untold, in_doubt=in_doubt)

    def _left_by_others(self, row: Row) -> bool:
        return row.state == "processing" and self.term is not None and row.epoch != self.term.epoch

    async def note_deciding(self, term: Term, update_id: int | None) -> int:
        await self.crossing()
        epoch, deciding = self._deciding
        if epoch > term.epoch:
            return 0
        if deciding in self.rows and epoch < term.epoch:
            self.rows[deciding].blamed += 1
        self._deciding = term.epoch, update_id
        return self.rows[update_id].blamed if update_id in self.rows else 0

    async def note_pause(self, term: Term, reason: str | None, by: str | None = None) -> None:
        await self.crossing()
        if term == self.term:
            self.paused, self.paused_by = reason, by

    async def prune(self, age: float, limit: int) -> int:
        await self.crossing()
        latest = trio.current_time() - age
        old = sorted((row.at, update_id) for update_id, row in self.processed.items() if row.at < latest)[:limit]
        for _, update_id in old:
            del self.processed[update_id]
        return len(old)

    async def prune_dead(self, age: float, limit: int) -> int:
        await self.crossing()
        latest = trio.current_time() - age
        old = sorted((at, update_id) for update_id, at in self.died_at.items() if at < latest)[:limit]
        for _, update_id in old:
            del self.dead[update_id], self.died_at[update_id]
        return len(old)

    async def notify_leader(self, update_ids: Sequence[int] = ()) -> None:
        await self.crossing()
        self.notified += 1
        if self.on_notify is not None:
            self.on_notify(update_ids)

    def _may_go(self, update_id: int, *, due: bool) -> bool:
        row = self.rows.get(update_id)
        if row is None or not self._may_begin(row) or (due and not self._is_due(row)):
            return False
        return not self._older(row)

    def _may_begin(self, row: Row) -> bool:
        """Whether it waits for an attempt, or looks have just found that it was not sent."""
        if row.state == "in_doubt":
            return row.absent >= ABSENT_LOOKS and trio.current_time() < row.look_at
        return row.state == "pending"

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
            state = self.state_of(row.update.chat_id)
            blamed = row.blamed > 0
            found.append(replace(row.update, has_followers=self._younger(row), state=state, blamed=blamed))
        return found

    def _die(self, row: Row, reason: str, doubts: int, sent_id: int | None = None) -> None:
        update_id = row.update.update_id
        self.dead[update_id] = (row.update, reason)
        self.died_at[update_id] = trio.current_time()
        self._finish(row, "dead", doubts, sent_id)

    def _finish(
        self, row: Row, outcome: str, doubts: int, sent_id: int | None = None, file: SentFile | None = None
    ) -> None:
        update = row.update
        follow(self.chats, self.jobs, Over(update, row.effects, outcome, sent_id, file))
        del self.rows[update.update_id]
        self.processed.setdefault(
            update.update_id,
            Processed(
                outcome,
                trio.current_time(),
                row.doubts + doubts,
                row.attempts,
                update.chat_id,
                update.message_id,
                sent_id,
                row.sent,
            ),
        )

    def _older(self, row: Row) -> bool:
        """Whether something older of its chat comes first. The ends of jobs do not, where it is in doubt already."""
        first = 0 if row.state == "in_doubt" else -math.inf
        return row.update.chat_id != NO_CHAT and any(
            other.update.chat_id == row.update.chat_id and first <= other.update.update_id < row.update.update_id
            for other in self.rows.values()
        )

    def _kept_out(self, row: Row) -> bool:
        """Whether it tells of a job's end, and another of its chat is begun or in doubt."""
        update = row.update
        return (
            update.update_id < 0
            and update.chat_id != NO_CHAT
            and any(
                other.state != "pending" and other.update.chat_id == update.chat_id
                for each, other in self.rows.items()
                if each != update.update_id
            )
        )

    def _has_rows(self, chat_id: int) -> bool:
        return any(row.update.chat_id == chat_id for row in self.rows.values())

    def _younger(self, row: Row) -> bool:
        return row.update.chat_id != NO_CHAT and any(
            other.update.chat_id == row.update.chat_id and other.update.update_id > row.update.update_id
            for other in self.rows.values()
        )


def _can_be_looked_for(row: Row) -> bool:
    return row.watermark is not None and not row.repeatable


class InboxOfTwoSteps(MemoryInbox):
    """Nothing begins with its storing, as where an update cannot be answered at once: for tests of `begin`."""

    async def store(self, update: Received, attempt: Attempt | None = None) -> Stored:
        return await super().store(update)
