"""The inbox in Postgres: `inbox_sql` and `term_sql`, where store, begin, settle and dismiss are written in groups."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import trio

from svc.settings.environment import InDoubtPolicy
from svc.storage import inbox_sql, term_sql
from svc.storage.database import Connection, Database, column
from svc.storage.errors import DatabaseUnavailable
from svc.storage.group_commit import GroupCommit
from svc.storage.inbox import Attempt, BeginOutcome, Begun, CallMade, Ending, Received, Term
from svc.storage.keys import NEW_WORK_CHANNEL, lock_key
from svc.storage.settlements import Settlement, statements


class PostgresInbox:
    """`Inbox` on a Database, for the updates of one bot, as seen by one instance (its label is kept in the rows).

    The database should have been opened with `settings=inbox_sql.PLANNER`: without it everything works, but slowly on a
    large inbox.
    """

    def __init__(self, database: Database, bot_id: int, instance: str) -> None:
        self._database = database
        self._bot_id = bot_id
        self._instance = instance
        self._stores: GroupCommit[Received, bool] = GroupCommit(self._store_group)
        self._begins: GroupCommit[Attempt, Begun] = GroupCommit(self._begin_group)
        self._settlements: GroupCommit[Settlement, None] = GroupCommit(self._settle_group, durable=True)
        self._dismissals: GroupCommit[int, None] = GroupCommit(self._dismiss_group)

    async def run(self) -> None:
        """Write groups until cancelled. Nothing is written unless this runs."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stores.run)
            nursery.start_soon(self._begins.run)
            nursery.start_soon(self._settlements.run)
            nursery.start_soon(self._dismissals.run)

    async def store(self, update: Received) -> bool:
        return await self._stores.submit(update)

    async def begin(self, attempt: Attempt) -> Begun:
        return await self._begins.submit(attempt)

    async def dismiss(self, update_id: int) -> None:
        await self._dismissals.submit(update_id)

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        await self._settlements.submit(Settlement(attempt, ending, calls))

    async def flush(self) -> None:
        await self._settlements.flush()

    async def backfill(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        rows = await self._database.fetch(inbox_sql.BACKFILL, self._bot_id, limit, list(without))
        now = trio.current_time()
        return [
            Received(
                row["update_id"],
                row["chat_id"],
                row["update_type"],
                row["payload"],
                now - row["age"],
                row["has_followers"],
            )
            for row in rows
        ]

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        async def work(connection: Connection) -> int:
            epoch: int = await connection.fetchval(term_sql.NEW_TERM, self._bot_id, holder, instance)
            held = lock_pid is None or await connection.fetchval(
                term_sql.LOCK_IS_HELD, lock_key(self._bot_id), lock_pid
            )
            if not held:
                raise DatabaseUnavailable("the lock was lost before its term began")
            await connection.execute(term_sql.MARK_OLDER_TERMS, self._bot_id, epoch)
            return epoch

        return Term(await self._database.transaction(work), holder)

    async def mark_lost(self, term: Term, held: Collection[int], age: float) -> int:
        return len(await self._database.fetch(term_sql.MARK_LOST, self._bot_id, term.epoch, list(held), age))

    async def resolve_doubts(self, term: Term, policy: InDoubtPolicy, age: float) -> Sequence[int]:
        args = (self._bot_id, term.epoch, term.holder, age)
        if policy == "resend":
            return column(await self._database.fetch(term_sql.RESEND_DOUBTS, *args), "update_id")
        return column(await self._database.fetch(term_sql.SKIP_DOUBTS, *args, self._instance), "update_id")

    async def prune(self, age: float, limit: int) -> int:
        return len(await self._database.fetch(inbox_sql.PRUNE, self._bot_id, age, limit))

    async def notify_leader(self) -> None:
        await self._database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, str(self._bot_id))

    async def _store_group(self, group: Sequence[Received]) -> list[bool]:
        # In the order of ids: two instances that are given the same updates must not wait for each other crosswise.
        updates = sorted(group, key=lambda update: update.update_id)
        rows = await self._database.fetch(
            inbox_sql.STORE,
            self._bot_id,
            [update.update_id for update in updates],
            [update.chat_id for update in updates],
            [update.kind for update in updates],
            [update.payload for update in updates],
            self._instance,
        )
        fresh = set(column(rows, "update_id"))
        # Of an update that comes twice in one group, one is fresh.
        return [_take(update.update_id, fresh) for update in group]

    async def _begin_group(self, group: Sequence[Attempt]) -> list[Begun]:
        ids = [attempt.update_id for attempt in group]
        if len({attempt.term for attempt in group}) > 1 or len(set(ids)) < len(ids):
            # The end of one term and the start of the next can meet in a group, and so can two attempts at one
            # update, of which only one may hear that it has begun.
            return [begun for attempt in group for begun in await self._begin_group([attempt])]
        leader = (self._bot_id, group[0].term.epoch, group[0].term.holder)
        tokens = [attempt.token for attempt in group]

        async def work(connection: Connection) -> dict[int, Begun]:
            rows = await connection.fetch(inbox_sql.BEGIN, *leader, ids, tokens)
            begun = {row["update_id"]: Begun(BeginOutcome.BEGUN, row["attempts"], row["doubts"]) for row in rows}
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

    async def _settle_group(self, group: Sequence[Settlement]) -> list[None]:
        todo = statements(group, self._bot_id, self._instance)

        async def work(connection: Connection) -> None:
            for sql, args in todo:
                await connection.execute(sql, *args)

        # The usual group is one statement, which needs no transaction around it.
        await (self._database.on_connection if len(todo) == 1 else self._database.transaction)(work)
        return [None] * len(group)

    async def _dismiss_group(self, group: Sequence[int]) -> list[None]:
        await self._database.fetch(inbox_sql.DISMISS, self._bot_id, list(group), self._instance)
        return [None] * len(group)


def _take(update_id: int, fresh: set[int]) -> bool:
    found = update_id in fresh
    fresh.discard(update_id)
    return found


def _why(*, leads: bool, processed: bool) -> BeginOutcome:
    if not leads:
        return BeginOutcome.FENCED
    return BeginOutcome.DUPLICATE if processed else BeginOutcome.BUSY
