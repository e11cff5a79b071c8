"""Forgetting on a real Postgres while updates are stored and settled: all that is old goes, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

import asyncpg
import trio

from svc.delivery.retention import PRUNE_ROWS, prune
from svc.observability.metrics import Metrics
from svc.operations.run import real_parts
from svc.parts import Parts
from svc.storage.database import Connection, Database
from svc.storage.errors import DatabaseBusy
from svc.storage.inbox import Attempt, BeginOutcome, Done, Term
from svc.storage.inbox_sql import PRUNE
from tests.harness import settings_for_tests
from tests.inbox_contract.under_test import an_update, new_term

T = TypeVar("T")

OLD, YOUNG, BATCH = 50_000, 2_000, 2_000
WRITERS = 8
SETTINGS = settings_for_tests(database_url="", keep_payloads=24.0, keep_jobs=48.0)
BOT = SETTINGS.bot_id

# Of each kind rows that are too old and rows that are not; and dead ones, which are kept for ever.
PROCESSED = f"""
INSERT INTO processed_updates (bot_id, update_id, chat_id, worker_instance_id, update_type, outcome, received_by,
                               received_at, processed_at)
SELECT {BOT}, n, 7, 'one', 'message', 'ignored', 'one', now(),
       now() - make_interval(hours => CASE WHEN n <= {OLD} THEN 49 ELSE 47 END)
FROM generate_series($1::int + 1, $1 + {BATCH}) AS n
ON CONFLICT DO NOTHING
"""
OTHERS = (
    "INSERT INTO kept_payloads (bot_id, update_id, chat_id, payload, received_at, decided_at) "
    f"SELECT {BOT}, n, 7, '', now(), now() - make_interval(hours => CASE WHEN n <= 3000 THEN 25 ELSE 23 END) "
    "FROM generate_series(1, 4000) AS n",
    "INSERT INTO operator_actions (bot_id, operator, via, action, at) "
    f"SELECT {BOT}, 'anna', 'page', 'pause', now() - make_interval(days => CASE WHEN n <= 300 THEN 400 ELSE 300 END) "
    "FROM generate_series(1, 400) AS n",
    "INSERT INTO dead_updates (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, "
    f"reason, died_at) SELECT {BOT}, n, 7, 'message', '', now(), 'one', 1, 'why', now() - interval '9 years' "
    "FROM generate_series(1, 100) AS n",
)
LEFT = """
SELECT (SELECT count(*) FROM processed_updates WHERE processed_at < now() - interval '48 hours') AS old,
       (SELECT count(*) FROM processed_updates WHERE processed_at < now() - interval '46 hours') AS young,
       (SELECT count(*) FROM kept_payloads WHERE decided_at < now() - interval '22 hours') AS payloads,
       (SELECT count(*) FROM operator_actions) AS actions, (SELECT count(*) FROM dead_updates) AS dead
"""
ALL_OLD_GONE = (0, YOUNG, 1000, 100, 100)
# Sessions that wait for one that forgets rows: what they are at.
WAITS_FOR_PRUNE = """
SELECT waits.query FROM pg_stat_activity AS waits, unnest(pg_blocking_pids(waits.pid)) AS holder (pid)
    JOIN pg_stat_activity AS prunes USING (pid)
WHERE waits.datname = current_database() AND prunes.query LIKE '%WITH gone AS%'
"""


async def done(work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`, which may be repeated: it is where the machine was too slow, and not where a lock was in
    the way.
    """
    while True:
        try:
            return await work()
        except DatabaseBusy as error:
            if isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                raise


async def left(database: Database) -> tuple[int, ...]:
    ((*counts,),) = await done(partial(database.fetch, LEFT))
    return tuple(counts)


async def answer_updates(parts: Parts, term: Term, chat_id: int, over: trio.Event, answered: list[int]) -> None:
    """One update of a chat after the other from its arrival to its end, until it is over."""
    update_id = 10_000_000 + chat_id
    while not over.is_set():
        await done(partial(parts.inbox.store, an_update(update_id, chat_id)))
        attempt = Attempt(update_id, term, update_id)
        assert (await done(partial(parts.inbox.begin, attempt))).outcome is BeginOutcome.BEGUN
        await parts.inbox.settle(attempt, Done())
        answered.append(update_id)
        update_id += WRITERS


async def test_forgetting_under_load(database: Database) -> None:
    """However much is overdue: all that is old enough goes and nothing younger, no statement of those who answer fails
    for want of a lock, and none is ever seen to wait for one that forgets.
    """
    for first in range(0, OLD + YOUNG, BATCH):
        # Safe to repeat: a statement that was given up may have been done.
        await done(partial(database.fetch, PROCESSED, first))
    for statement in OTHERS:
        await database.fetch(statement)
    parts = real_parts(SETTINGS, Metrics(), database)
    period: Any = SimpleNamespace(inbox=parts.inbox)
    over, answered, waited = trio.Event(), [], []  # type: ignore[var-annotated]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.writers)
        term = await new_term(parts.inbox)
        nursery.start_soon(prune, SETTINGS, parts.transition_log, parts.jobs, parts.kept, period)
        async with trio.open_nursery() as writing:
            for chat_id in range(1, WRITERS + 1):
                writing.start_soon(answer_updates, parts, term, chat_id, over, answered)
            rounds = 0
            while await left(database) != ALL_OLD_GONE:
                waited += await done(partial(database.fetch, WAITS_FOR_PRUNE))
                rounds += 1
            over.set()
        nursery.cancel_scope.cancel(reason="all is gone")
    assert waited == []
    assert len(answered) > WRITERS
    assert rounds > 1
    (row,) = await database.fetch("SELECT count(*) FROM processed_updates WHERE outcome = 'done'")
    assert row["count"] == len(answered)


async def test_who_waits_for_one_that_forgets_is_seen(database: Database) -> None:
    """What the test above looks for would be found, were it there."""
    await database.fetch(PROCESSED, 0)
    found: list[Any] = []
    pruned, seen = trio.Event(), trio.Event()

    async def forgets_and_stays(connection: Connection) -> None:
        await connection.fetch(PRUNE, BOT, 3600.0, PRUNE_ROWS, datetime.min.replace(tzinfo=UTC))
        pruned.set()
        while not seen.is_set():
            await connection.fetch("SELECT 1 /* WITH gone AS */")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, forgets_and_stays)
        await pruned.wait()
        forget_all = partial(database.fetch, "UPDATE processed_updates SET outcome = 'x' WHERE update_id = 1")
        nursery.start_soon(forget_all)
        while not found:
            found = await database.fetch(WAITS_FOR_PRUNE)
        seen.set()
    assert [row["query"] for row in found] == [forget_all.args[0]]
