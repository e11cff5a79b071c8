"""The inbox in Postgres. Each statement is safe to repeat; store, begin and settle are written in groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import trio

from svc.settings.environment import InDoubtPolicy
from svc.storage.database import Connection, Database, DatabaseUnavailable, column
from svc.storage.group_commit import GroupCommit
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
from svc.storage.keys import NEW_WORK_CHANNEL, lock_key

Kind = TypeVar("Kind", Done, Retry, Dead)
Settlement = tuple[Attempt, Ending, Sequence[CallMade]]
Statement = tuple[str, tuple[Any, ...]]

STORE = """
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
SELECT $1, u.update_id, u.chat_id, u.update_type, u.payload, $6
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) AS u (update_id, chat_id, update_type, payload)
WHERE NOT EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = u.update_id)
ON CONFLICT DO NOTHING
RETURNING update_id
"""

# The term is read FOR SHARE: a plain SELECT would let an old holder commit after the new epoch. An attempt that was
# begun already (its answer was lost) is returned as it is, whatever has arrived since.
BEGIN = """
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
)
UPDATE inbox i
SET state = 'processing', epoch = $2, token = w.token,
    attempts = i.attempts + CASE i.state WHEN 'pending' THEN 1 ELSE 0 END,
    started_at = CASE i.state WHEN 'pending' THEN now() ELSE i.started_at END
FROM unnest($4::bigint[], $5::bigint[]) AS w (update_id, token), term
WHERE i.bot_id = $1 AND i.update_id = w.update_id
  AND ((i.state = 'processing' AND i.epoch = $2 AND i.token = w.token)
    OR (i.state = 'pending'
        AND NOT EXISTS (SELECT FROM inbox o
                        WHERE o.bot_id = $1 AND o.chat_id = i.chat_id AND o.update_id < i.update_id)
        AND NOT EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = i.update_id)))
RETURNING i.update_id, i.attempts, i.doubts
"""

WHY_NOT = """
SELECT w.update_id,
       EXISTS (SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3) AS leads,
       i.update_id IS NULL
           OR EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = w.update_id) AS processed
FROM unnest($4::bigint[]) AS w (update_id) LEFT JOIN inbox i ON i.bot_id = $1 AND i.update_id = w.update_id
"""

FORGET_PROCESSED = """
DELETE FROM inbox i WHERE bot_id = $1 AND update_id = ANY ($2::bigint[]) AND state = 'pending'
  AND EXISTS (SELECT FROM processed_updates p WHERE p.bot_id = $1 AND p.update_id = i.update_id)
"""

# No term is demanded: it records what did happen, also for a row that was marked in doubt meanwhile. Of a history
# that has become long the second entry goes: the first and the latest say most.
SETTLE_DONE = """
WITH done AS (
    DELETE FROM inbox i
    USING unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::text[])
        AS s (update_id, epoch, token, doubts, entry, outcome)
    WHERE i.bot_id = $1 AND i.update_id = s.update_id AND i.epoch = s.epoch AND i.token = s.token
    RETURNING i.*, s.outcome, s.doubts AS new_doubts, s.entry
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $8, update_type, received_at, outcome, attempts, doubts + new_doubts, chat_id, received_by,
       history || (jsonb_build_object('at', now(), 'began', started_at) || entry::jsonb)
FROM done
ON CONFLICT DO NOTHING
"""

SETTLE_RETRY = """
UPDATE inbox i
SET state = 'pending', available_at = now() + make_interval(secs => s.delay), last_error = s.error,
    doubts = i.doubts + s.doubts, token = NULL,
    history = CASE WHEN jsonb_array_length(i.history) < 40 THEN i.history ELSE i.history - 1 END
              || (jsonb_build_object('at', now(), 'began', i.started_at) || s.entry::jsonb)
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::float8[], $8::text[])
    AS s (update_id, epoch, token, doubts, entry, delay, error)
WHERE i.bot_id = $1 AND i.update_id = s.update_id AND i.epoch = s.epoch AND i.token = s.token
"""

SETTLE_DEAD = """
WITH dead AS (
    DELETE FROM inbox i
    USING unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::text[])
        AS s (update_id, epoch, token, doubts, entry, reason)
    WHERE i.bot_id = $1 AND i.update_id = s.update_id AND i.epoch = s.epoch AND i.token = s.token
    RETURNING i.*, s.reason, s.doubts AS new_doubts,
              i.history || (jsonb_build_object('at', now(), 'began', i.started_at) || s.entry::jsonb) AS story
), kept AS (
    INSERT INTO dead_updates
        (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, doubts, reason, history)
    SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts,
           doubts + new_doubts, reason, story
    FROM dead ON CONFLICT DO NOTHING
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $8, update_type, received_at, 'dead', attempts, doubts + new_doubts, chat_id, received_by,
       story
FROM dead
ON CONFLICT DO NOTHING
"""

DISMISS = """
WITH done AS (
    DELETE FROM inbox i USING unnest($2::bigint[]) AS w (update_id)
    WHERE i.bot_id = $1 AND i.update_id = w.update_id AND i.state = 'pending' RETURNING i.*
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $3, update_type, received_at, 'ignored', attempts, doubts, chat_id, received_by, history
FROM done
ON CONFLICT DO NOTHING
"""

HEADS = """
SELECT update_id, chat_id, update_type, payload, extract(epoch FROM now() - received_at)::float8 AS age,
       EXISTS (SELECT FROM inbox y
               WHERE y.bot_id = $1 AND y.chat_id = i.chat_id AND y.update_id > i.update_id) AS more
FROM inbox i
WHERE bot_id = $1 AND state = 'pending' AND available_at <= now() AND update_id NOT IN (SELECT unnest($3::bigint[]))
  AND NOT EXISTS (SELECT FROM inbox o WHERE o.bot_id = $1 AND o.chat_id = i.chat_id AND o.update_id < i.update_id)
ORDER BY update_id LIMIT $2
"""

NEW_TERM = """
INSERT INTO leadership AS l (bot_id, epoch, holder, instance_id) VALUES ($1, 1, $2, $3)
ON CONFLICT (bot_id) DO UPDATE
SET epoch = l.epoch + 1, holder = $2, instance_id = $3, acquired_at = now()
RETURNING epoch
"""

# A statement of its own, after NEW_TERM in the same transaction: it must see what a `begin` of the old term, for
# whose lock on the leadership row NEW_TERM waited, has committed.
MARK_OLDER_TERMS = """
UPDATE inbox
SET state = 'in_doubt', history = history || jsonb_build_object('at', now(), 'event', 'in_doubt', 'epoch', epoch,
                                                                'why', 'its term has ended')
WHERE bot_id = $1 AND state = 'processing' AND epoch < $2
"""

# Asked in the transaction of NEW_TERM: one that was held up on its way must not fence a healthy successor.
LOCK_IS_HELD = """
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = $2
                 AND ((classid::bigint << 32) | objid::bigint) = $1)
"""

MARK_LOST = """
UPDATE inbox
SET state = 'in_doubt', history = history || jsonb_build_object('at', now(), 'event', 'in_doubt', 'epoch', epoch,
                                                                'why', 'no worker holds it')
WHERE bot_id = $1 AND state = 'processing' AND epoch = $2 AND token <> ALL ($3::bigint[])
  AND started_at < now() - make_interval(secs => $4)
RETURNING update_id
"""

RESEND_DOUBTS = """
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
)
UPDATE inbox i
SET state = 'pending', available_at = now(), doubts = doubts + 1, last_error = 'in doubt',
    history = history || jsonb_build_object('at', now(), 'event', 'resend', 'epoch', $2::bigint)
FROM term
WHERE bot_id = $1 AND state = 'in_doubt' AND started_at <= now() - make_interval(secs => $4)
RETURNING update_id
"""

SKIP_DOUBTS = """
WITH term AS MATERIALIZED (
    SELECT FROM leadership WHERE bot_id = $1 AND epoch = $2 AND holder = $3 FOR SHARE
), skipped AS (
    DELETE FROM inbox i USING term
    WHERE bot_id = $1 AND state = 'in_doubt' AND started_at <= now() - make_interval(secs => $4)
    RETURNING i.*
)
INSERT INTO processed_updates
    (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, attempts, doubts, chat_id, received_by,
     history)
SELECT bot_id, update_id, $5, update_type, received_at, 'in_doubt', attempts, doubts + 1, chat_id, received_by,
       history || jsonb_build_object('at', now(), 'event', 'skipped', 'epoch', $2::bigint)
FROM skipped
ON CONFLICT DO NOTHING
RETURNING update_id
"""

PRUNE = """
DELETE FROM processed_updates WHERE (bot_id, update_id) IN (
    SELECT bot_id, update_id FROM processed_updates
    WHERE bot_id = $1 AND processed_at < now() - make_interval(secs => $2) ORDER BY processed_at LIMIT $3
) RETURNING update_id
"""


class PostgresInbox:
    """`Inbox` on a Database, for the updates of one bot, as seen by one instance (its label is kept in the rows)."""

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
        await self._settlements.submit((attempt, ending, calls))

    async def heads(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        rows = await self._database.fetch(HEADS, self._bot_id, limit, list(without))
        now = trio.current_time()
        return [
            Received(
                row["update_id"], row["chat_id"], row["update_type"], row["payload"], now - row["age"], row["more"]
            )
            for row in rows
        ]

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        async def work(connection: Connection) -> int:
            epoch: int = await connection.fetchval(NEW_TERM, self._bot_id, holder, instance)
            held = lock_pid is None or await connection.fetchval(LOCK_IS_HELD, lock_key(self._bot_id), lock_pid)
            if not held:
                raise DatabaseUnavailable("the lock was lost before its term began")
            await connection.execute(MARK_OLDER_TERMS, self._bot_id, epoch)
            return epoch

        return Term(await self._database.transaction(work), holder)

    async def mark_lost(self, term: Term, held: Collection[int], age: float) -> int:
        return len(await self._database.fetch(MARK_LOST, self._bot_id, term.epoch, list(held), age))

    async def resolve_doubts(self, term: Term, policy: InDoubtPolicy, age: float) -> Sequence[int]:
        args = (self._bot_id, term.epoch, term.holder, age)
        if policy == "resend":
            return column(await self._database.fetch(RESEND_DOUBTS, *args), "update_id")
        return column(await self._database.fetch(SKIP_DOUBTS, *args, self._instance), "update_id")

    async def prune(self, age: float, limit: int) -> int:
        return len(await self._database.fetch(PRUNE, self._bot_id, age, limit))

    async def announce(self) -> None:
        await self._database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, str(self._bot_id))

    async def _store_group(self, group: Sequence[Received]) -> list[bool]:
        # In the order of ids: two instances that are given the same updates must not wait for each other crosswise.
        updates = sorted(group, key=lambda update: update.update_id)
        rows = await self._database.fetch(
            STORE,
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
        term = group[0].term
        tokens = [attempt.token for attempt in group]

        async def work(connection: Connection) -> dict[int, Begun]:
            leader = (self._bot_id, term.epoch, term.holder)
            rows = await connection.fetch(BEGIN, *leader, ids, tokens)
            begun = {row["update_id"]: Begun(BeginOutcome.BEGUN, row["attempts"], row["doubts"]) for row in rows}
            rest = [update_id for update_id in ids if update_id not in begun]
            if rest:
                for row in await connection.fetch(WHY_NOT, *leader, rest):
                    begun[row["update_id"]] = Begun(_why(leads=row["leads"], processed=row["processed"]))
            processed = [update_id for update_id in rest if begun[update_id].outcome is BeginOutcome.DUPLICATE]
            if processed:
                await connection.execute(FORGET_PROCESSED, self._bot_id, processed)
            return begun

        outcomes = await self._database.on_connection(work)
        return [outcomes[update_id] for update_id in ids]

    async def _settle_group(self, group: Sequence[Settlement]) -> list[None]:
        statements = [*self._done(_of(Done, group)), *self._retry(_of(Retry, group)), *self._dead(_of(Dead, group))]

        async def work(connection: Connection) -> None:
            for sql, args in statements:
                await connection.execute(sql, *args)

        # The usual group is one statement, which needs no transaction around it.
        await (self._database.on_connection if len(statements) == 1 else self._database.transaction)(work)
        return [None] * len(group)

    async def _dismiss_group(self, group: Sequence[int]) -> list[None]:
        await self._database.fetch(DISMISS, self._bot_id, list(group), self._instance)
        return [None] * len(group)

    def _done(self, settlements: Sequence[tuple[Settlement, Done]]) -> Iterator[Statement]:
        if settlements:
            outcomes = [end.outcome for _, end in settlements]
            yield SETTLE_DONE, (self._bot_id, *self._common(settlements), outcomes, self._instance)

    def _retry(self, settlements: Sequence[tuple[Settlement, Retry]]) -> Iterator[Statement]:
        if settlements:
            delays = [end.delay for _, end in settlements]
            errors = [_text(end.error) for _, end in settlements]
            yield SETTLE_RETRY, (self._bot_id, *self._common(settlements), delays, errors)

    def _dead(self, settlements: Sequence[tuple[Settlement, Dead]]) -> Iterator[Statement]:
        if settlements:
            reasons = [_text(end.reason) for _, end in settlements]
            yield SETTLE_DEAD, (self._bot_id, *self._common(settlements), reasons, self._instance)

    def _common(self, settlements: Sequence[tuple[Settlement, Ending]]) -> tuple[list[Any], ...]:
        """What every kind of settlement has, column by column."""
        attempts = [attempt for (attempt, _, _), _ in settlements]
        return (
            [attempt.update_id for attempt in attempts],
            [attempt.term.epoch for attempt in attempts],
            [attempt.token for attempt in attempts],
            [end.doubts for _, end in settlements],
            [_entry(settlement, self._instance) for settlement, _ in settlements],
        )


def _take(update_id: int, fresh: set[int]) -> bool:
    found = update_id in fresh
    fresh.discard(update_id)
    return found


def _why(*, leads: bool, processed: bool) -> BeginOutcome:
    if not leads:
        return BeginOutcome.FENCED
    return BeginOutcome.DUPLICATE if processed else BeginOutcome.BUSY


def _of(kind: type[Kind], group: Sequence[Settlement]) -> list[tuple[Settlement, Kind]]:
    return [(settlement, settlement[1]) for settlement in group if isinstance(settlement[1], kind)]


def _entry(settlement: Settlement, instance: str) -> str:
    """An attempt's line in the update's history, as JSON."""
    attempt, ending, calls = settlement
    entry: dict[str, Any] = {"epoch": attempt.term.epoch, "instance": instance, "calls": calls}
    match ending:
        case Done(outcome):
            entry["event"] = outcome
        case Retry(delay, error):
            entry |= {"event": "retry", "delay": delay, "error": _text(error)}
        case Dead(reason):
            entry |= {"event": "dead", "error": _text(reason)}
    return msgspec.json.encode(entry).decode()


def _text(value: str) -> str:
    # A Postgres text holds neither NUL nor lone surrogates.
    return value.replace("\0", "").encode("utf-8", "replace").decode()[:1000]
