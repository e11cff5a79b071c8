"""The inbox in Postgres, where store, begin, settle and dismiss are written in groups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import trio

from svc.observability.errors import describe
from svc.storage import inbox_sql, reading_sql, term_sql
from svc.storage.chats_sql import chat_state
from svc.storage.database import Connection, Database
from svc.storage.effects import encode_effects
from svc.storage.errors import DatabaseUnavailable, StatementFailed
from svc.storage.group_commit import GroupCommit, ObserveGroups, observe_nothing
from svc.storage.inbox import (
    GIVEN_UP,
    NO_CHAT,
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    Ending,
    Received,
    Retry,
    Stored,
    StoreOutcome,
    Term,
)
from svc.storage.keys import NEW_WORK_CHANNEL, lock_key, new_work_payload
from svc.storage.old_rows_sql import OldRows
from svc.storage.orders import Orders, read_pauses
from svc.storage.postgres_doubts import InboxDoubts
from svc.storage.reading import InboxReader
from svc.storage.settlements import Settlement, file_arguments, has_effects, settle_arguments
from svc.storage.storable import storable

NO_EPOCH = -1
NO_SESSION = -1


class Storing(NamedTuple):
    """An update to be stored, and the attempt that may begin with that."""

    update: Received
    attempt: Attempt | None

    def place(self) -> tuple[int, bool]:
        """Where it stands in its group: of an update that comes twice, the one that may begin is the new one."""
        return self.update.update_id, self.attempt is None


class PostgresInbox(InboxReader, InboxDoubts):
    """`Inbox` on a Database, for the updates of one bot, as seen by one instance (its label is kept in the rows).

    The database should have been opened with `settings=inbox_sql.PLANNER`: without it everything works, but slowly on a
    large inbox. `kept_plans` is for what every update writes, and opened with `inbox_sql.KEPT_PLANS`; without one,
    `database` does that too. `observe` is told of every group that is written.

    With `keep_payloads` what is answered or needs no answer is kept in the table kept_payloads, for `svc replay`. (Not
    what a look or the policy for doubts has ended: these are few.)
    """

    def __init__(
        self,
        database: Database,
        bot_id: int,
        instance: str,
        *,
        window: int = reading_sql.WINDOW,
        observe: ObserveGroups = observe_nothing,
        keep_payloads: bool = False,
        kept_plans: Database | None = None,
    ) -> None:
        InboxReader.__init__(self, database, bot_id, window)
        InboxDoubts.__init__(self, database, bot_id, instance)
        self._keep_payloads = keep_payloads
        self._kept_plans = kept_plans or database
        self._processed = OldRows(database, bot_id, inbox_sql.PRUNE)
        self._dead = OldRows(database, bot_id, inbox_sql.PRUNE_DEAD)
        self._stores: GroupCommit[Storing, Stored] = GroupCommit(
            self._store_group,
            weigh=lambda storing: len(storing.update.payload),
            abandoned=self._put_back_stored,
            observe=partial(observe, "store"),
        )
        self._begins: GroupCommit[Attempt, Begun] = GroupCommit(
            self._begin_group, abandoned=self._put_back, observe=partial(observe, "begin")
        )
        self._settlements: GroupCommit[Settlement, None] = GroupCommit(
            self._settle_group,
            durable=True,
            ids=lambda settled: {"update_id": settled.attempt.update_id},
            observe=partial(observe, "settle"),
        )
        self._dismissals: GroupCommit[int, None] = GroupCommit(self._dismiss_group, observe=partial(observe, "dismiss"))

    @property
    def _settle_with_effects(self) -> str:
        return inbox_sql.SETTLE_KEEPING if self._keep_payloads else inbox_sql.SETTLE_WITH_EFFECTS

    async def run(self) -> None:
        """Write groups until cancelled. Nothing is written unless this runs."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stores.run)
            nursery.start_soon(self._begins.run)
            nursery.start_soon(self._settlements.run)
            nursery.start_soon(self._dismissals.run)

    async def store(self, update: Received, attempt: Attempt | None = None) -> Stored:
        if attempt is not None and attempt.is_nothing and self._keep_payloads:
            attempt = None  # what is dismissed is kept
        return await self._stores.submit(Storing(update, attempt))

    async def begin(self, attempt: Attempt) -> Begun:
        try:
            return await self._begins.submit(attempt)
        except asyncpg.PostgresError as error:
            # What goes in fits: what the server objects to is of its own making, a trigger's for one.
            raise StatementFailed(describe(error)) from error

    async def dismiss(self, update_id: int) -> None:
        await self._dismissals.submit(update_id)

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        await self._settlements.submit(Settlement(attempt, ending, calls))

    async def flush(self) -> None:
        # What is being begun first: if its caller is gone, that is still to be put back.
        await self._stores.flush()
        await self._begins.flush()
        await self._settlements.flush()

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        key = lock_key(self._bot_id)
        rows = await self._database.fetch(term_sql.NEW_TERM, self._bot_id, holder, instance, key, lock_pid)
        if not rows:
            raise DatabaseUnavailable("the lock was lost before its term began")
        return Term(rows[0]["epoch"], holder, Orders(read_pauses(rows[0]["pauses"])))

    async def rehearse(self) -> None:
        # A term that nobody has, and a lock that no session holds: nothing is changed.
        nobody = Term(NO_EPOCH, UUID(int=0))
        taking_over = (self._bot_id, UUID(int=0), self._instance, lock_key(self._bot_id), NO_SESSION)
        nothing: list[int] = []
        settling = settle_arguments([], self._bot_id, self._instance)

        async def work(connection: Connection) -> None:
            await connection.fetch(term_sql.NEW_TERM, *taking_over)
            await connection.fetch(reading_sql.BACKFILL, self._bot_id, 1, nothing, 1, None)
            await connection.fetch(term_sql.NOTE_DECIDING, self._bot_id, NO_EPOCH, None)
            await connection.fetch(inbox_sql.BEGIN, *self._key_of(nobody), *[nothing] * 7)
            await connection.execute(self._settle_with_effects, *settling, *file_arguments([]))
            await self._rehearse_looks(connection, nobody)

        await self._database.on_connection(work)
        await self._kept_plans.fetch(inbox_sql.SETTLE, *settling)

    async def note_deciding(self, term: Term, update_id: int | None) -> int:
        ((blamed, _),) = await self._database.fetch(term_sql.NOTE_DECIDING, self._bot_id, term.epoch, update_id)
        assert isinstance(blamed, int)
        return blamed

    async def note_pause(self, term: Term, reason: str | None, by: str | None = None) -> None:
        texts = [None if text is None else storable(text) for text in (reason, by)]
        await self._database.fetch(term_sql.NOTE_PAUSE, *self._key_of(term), *texts)

    async def prune(self, age: float, limit: int) -> int:
        return await self._processed.forget(age, limit)

    async def prune_dead(self, age: float, limit: int) -> int:
        return await self._dead.forget(age, limit)

    async def notify_leader(self, update_ids: Sequence[int] = ()) -> None:
        payload = new_work_payload(self._bot_id, update_ids)
        await self._database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, payload)

    async def _store_group(self, group: Sequence[Storing]) -> list[Stored]:
        # Each update once: of two rows of the same, one might be done and the other go into the inbox. In the order of
        # ids: two instances that are given the same updates must not wait for each other crosswise.
        once: dict[int, Storing] = {}
        for each in sorted(group, key=Storing.place):
            once.setdefault(each.update.update_id, each)
        storing = list(once.values())
        updates = [each.update for each in storing]
        arguments = (
            self._bot_id,
            [update.update_id for update in updates],
            [update.chat_id for update in updates],
            [update.kind for update in updates],
            [update.payload for update in updates],
            [update.message_id for update in updates],
            self._instance,
        )
        attempts = [each.attempt for each in storing]
        terms = {attempt.term for attempt in attempts if attempt is not None}
        if len(terms) == 1:
            _, epoch, holder = self._key_of(terms.pop())
            columns = zip(*map(_columns_of, attempts), strict=True)
            nothing = [attempt is not None and attempt.is_nothing for attempt in attempts]
            rows = await self._kept_plans.fetch(inbox_sql.STORE_AND_BEGIN, *arguments, epoch, holder, *columns, nothing)
        else:
            # Where one term ends and the next begins, nothing begins with the storing.
            rows = await self._kept_plans.fetch(inbox_sql.STORE, *arguments)
        return _stored(group, {row["update_id"]: row for row in rows})

    async def _begin_group(self, group: Sequence[Attempt]) -> list[Begun]:
        ids = [attempt.update_id for attempt in group]
        if len({attempt.term for attempt in group}) > 1 or len(set(ids)) < len(ids):
            # The end of one term and the start of the next can meet in a group, and so can two attempts at one
            # update, of which only one may hear that it has begun.
            return [begun for attempt in group for begun in await self._begin_group([attempt])]
        leader = self._key_of(group[0].term)
        attempts = sorted(group, key=lambda attempt: attempt.update_id)
        columns = ([attempt.update_id for attempt in attempts], *zip(*map(_columns_of, attempts), strict=True))

        async def work(connection: Connection) -> dict[int, Begun]:
            rows = await connection.fetch(inbox_sql.BEGIN, *leader, *columns)
            begun = {update_id: Begun(BeginOutcome.BEGUN, *counts) for update_id, *counts in rows}
            rest = [update_id for update_id in ids if update_id not in begun]
            return begun | (await self._why_not(connection, leader, rest) if rest else {})

        outcomes = await self._database.on_connection(work)
        return [outcomes[update_id] for update_id in ids]

    async def _why_not(
        self, connection: Connection, leader: tuple[int, int, UUID], ids: Sequence[int]
    ) -> dict[int, Begun]:
        """Why these updates were not begun. Removes those that have been processed, should they still be here."""
        rows = await connection.fetch(inbox_sql.WHY_NOT, *leader, ids)
        why = {row["update_id"]: _why(leads=row["leads"], processed=row["processed"]) for row in rows}
        processed = [update_id for update_id, outcome in why.items() if outcome is BeginOutcome.DUPLICATE]
        if processed:
            await connection.execute(inbox_sql.FORGET_PROCESSED, self._bot_id, processed)
        return {update_id: Begun(outcome) for update_id, outcome in why.items()}

    def _put_back_stored(self, storing: Storing) -> None:
        if storing.attempt is not None:
            self._put_back(storing.attempt)

    def _put_back(self, attempt: Attempt) -> None:
        """Nobody hears whether this attempt has begun. If it has, nothing was sent."""
        self._settlements.put(Settlement(attempt, Retry(0, GIVEN_UP)))

    async def _settle_group(self, group: Sequence[Settlement]) -> list[None]:
        arguments = settle_arguments(group, self._bot_id, self._instance)
        if self._keep_payloads or any(has_effects(settlement.attempt) for settlement in group):
            await self._database.fetch(self._settle_with_effects, *arguments, *file_arguments(group))
        else:
            await self._kept_plans.fetch(inbox_sql.SETTLE, *arguments)
        return [None] * len(group)

    async def _dismiss_group(self, group: Sequence[int]) -> list[None]:
        dismiss = inbox_sql.DISMISS_KEEPING if self._keep_payloads else inbox_sql.DISMISS
        await self._database.fetch(dismiss, self._bot_id, sorted(group), self._instance)
        return [None] * len(group)


def _columns_of(attempt: Attempt | None) -> tuple[Any, ...]:
    """What the statements that begin take of an attempt, besides its update's id."""
    if attempt is None:
        return (None,) * 6
    return (
        attempt.token,
        attempt.repeatable,
        attempt.watermark,
        None if attempt.dead_if_sent is None else storable(attempt.dead_if_sent),
        encode_effects(attempt.effects),
        attempt.state_version,
    )


def _stored(group: Sequence[Storing], new: dict[int, asyncpg.Record]) -> list[Stored]:
    """What became of each of `group`, where `new` has what was stored: whether its chat had nothing in the inbox, and
    the chat's state.

    Of an update that comes twice in one group one is new, and of several new ones of a chat the oldest is the first. Of
    what is done already neither is told.
    """
    stored = [Stored(StoreOutcome.DUPLICATE)] * len(group)
    chats: set[int] = set()
    for place in sorted(range(len(group)), key=lambda place: group[place].place()):
        update = group[place].update
        row = new.pop(update.update_id, None)
        if row is None:
            continue
        if row["alone"] is None:
            stored[place] = Stored(StoreOutcome.DONE)
            continue
        is_first = row["alone"] and update.chat_id not in chats
        begun = None if row["token"] is None else Begun(BeginOutcome.BEGUN, attempts=1)
        stored[place] = Stored(StoreOutcome.FIRST if is_first else StoreOutcome.BEHIND, chat_state(row), begun)
        if update.chat_id != NO_CHAT:
            chats.add(update.chat_id)
    return stored


def _why(*, leads: bool, processed: bool) -> BeginOutcome:
    if not leads:
        return BeginOutcome.FENCED
    return BeginOutcome.DUPLICATE if processed else BeginOutcome.BUSY
