"""The model and the code cannot drift apart: every statement of the model beside the real one, row by row.

What the model takes for granted about waiting (begin and take-over for each other) is tested in `test_fence`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import trio
import trio_asyncio

from svc.storage import inbox_sql, term_sql
from svc.storage.database import Database
from svc.storage.inbox import Attempt, BeginOutcome, Done, Received, Stored, StoreOutcome
from svc.storage.postgres_inbox import PostgresInbox
from tests.model.replay import Replay, walk
from tests.model.rules import BASE, Rules

WALKS = 80
LENGTH = 60
BOT = 1
WIDE = replace(BASE, clock=False, epochs=9, doubts=9, tokens=99, wire=2, copies=1)
ARRIVING = replace(WIDE, same_chat=True, second_arrives=True)
STATEMENTS = {
    "begin: begun",
    "begin: duplicate",
    "begin: fenced",
    "settle: done",
    "settle: doubt",
    "settle: again",
    "settle: done, unheard",
    "settle: dead",
    "new_term",
    "resolve_doubts: resend",
    "resolve_doubts: dead",
    "resolve_doubts: nothing",
    "store_beside_settle",
}
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
SAME_KEY = """
BEGIN;
INSERT INTO processed_updates SELECT (jsonb_populate_record(NULL::processed_updates, to_jsonb(inbox) ||
    jsonb_build_object('processed_at', now(), 'worker_instance_id', 'other', 'outcome', 'done'))).* FROM inbox;
"""

Other = Any  # asyncpg.Connection, which is generic for type checkers only


@pytest.fixture
async def other(database: Database, database_url: str) -> AsyncIterator[Other]:
    """A connection beside the pool's."""
    connection = await trio_asyncio.aio_as_trio(asyncpg.connect)(database_url)
    yield connection
    connection.terminate()


async def replay_walks(database: Database, rules: Rules, walks: int = WALKS) -> Counter[str]:
    """Replay and compare; how often each kind of statement was run."""
    run: Counter[str] = Counter()
    for seed in range(walks):
        async with Replay.over(database, seed + 1, rules) as replay:
            for label, state in walk(rules, random.Random(seed), LENGTH):
                if await replay.run(label):
                    await replay.compare(state)
                    run[f"{label.action}: {label.detail}" if label.detail else label.action] += 1
    return run


async def test_every_statement_does_what_the_model_says(database: Database) -> None:
    """Two chats: after every database step of many random walks the tables hold what the model's state says."""
    run = await replay_walks(database, WIDE)
    assert set(run) >= STATEMENTS, "the walks do not reach everything"


async def test_every_statement_does_what_the_model_says_in_one_chat(database: Database) -> None:
    """The same where the two updates are of one chat: the second is busy until the first is finished."""
    run = await replay_walks(database, replace(WIDE, same_chat=True))
    assert set(run) >= STATEMENTS | {"begin: busy"}, "the walks do not reach everything"


async def test_storing_does_what_the_model_says(database: Database) -> None:
    """The same where the second update arrives later: stored alone, or with an attempt that begins, or does not."""
    run = await replay_walks(database, ARRIVING)
    assert set(run) >= {"store_alone", "store: begun", "store: stored", "store: duplicate"}, "not everything is reached"


@pytest.mark.parametrize(
    ("statement", "part", "instead"),
    [
        ("BEGIN", "(i.state = 'processing' AND i.epoch = $2 AND i.token = w.token)", "false"),
        ("BEGIN", "i.epoch = $2 AND i.token = w.token", "i.epoch = $2"),
        ("BEGIN", "o.update_id < i.update_id", "false"),
        ("SETTLE", "AND i.epoch = s.epoch AND i.token = s.token", "AND i.state = 'processing'"),
        ("SETTLE", ", token = NULL", ""),
        ("SETTLE", "CASE ending WHEN 'dead' THEN 'dead' ELSE said END", "'done'"),
        ("STORE_AND_BEGIN", "AND o.update_id IS NULL", ""),
        ("STORE_AND_BEGIN", "epoch = $8 AND holder = $9", "(epoch = $8 AND holder = $9) IS NOT NULL"),
        ("STORE_AND_BEGIN", "CASE WHEN u.begins THEN u.token END", "NULL"),
        ("NEW_TERM", "epoch = l.epoch + 1", "epoch = l.epoch"),
        ("RESOLVE_DOUBTS", "i.epoch <> $2 OR ", ""),
        ("RESOLVE_DOUBTS", "i.token <> ALL ($5::bigint[])", "$5::bigint[] IS NOT NULL"),
        ("RESOLVE_DOUBTS", "CASE d.how WHEN 'resend' THEN 1 ELSE 0 END", "0"),
        ("RESOLVE_DOUBTS", "i.doubts + 1 >= $7", "i.doubts >= $7"),
    ],
)
async def test_a_statement_that_drifts_is_noticed(
    database: Database, monkeypatch: pytest.MonkeyPatch, statement: str, part: str, instead: str
) -> None:
    """A statement that is changed a little does not pass the comparison."""
    module = inbox_sql if hasattr(inbox_sql, statement) else term_sql
    sql: str = getattr(module, statement)
    assert part in sql
    monkeypatch.setattr(module, statement, sql.replace(part, instead))
    noticed = False
    try:
        await replay_walks(database, replace(WIDE, same_chat="o." in part, second_arrives="STORE" in statement))
    except* AssertionError:
        noticed = True
    assert noticed


@pytest.mark.parametrize("token", [None, 6])
async def test_a_redelivery_beside_its_settlement_leaves_a_row_that_never_begins(
    database: Database, other: Other, token: int | None
) -> None:
    """STORE that looks before `settle` commits inserts the row again, as in the model; begin knows it and drops it.

    So does STORE_AND_BEGIN, and does not begin it.
    """
    inbox = PostgresInbox(database, BOT, "one")
    term = await inbox.take_over(UUID(int=1), "one")
    update = Received(1, 7, "message", b"{}", trio.current_time())
    attempt = None if token is None else Attempt(1, term, token)
    stored_again: list[Stored] = []

    async def store_again() -> None:
        stored_again.append(await inbox.store(update, attempt))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        await inbox.store(update)
        await inbox.begin(Attempt(1, term, 5))
        async with trio.open_nursery() as racers:
            # Holds the settlement up when it has deleted the row, until the redelivery waits for that as well.
            await trio_asyncio.aio_as_trio(other.execute)(SAME_KEY)
            racers.start_soon(inbox.settle, Attempt(1, term, 5), Done())
            await waiting(database, 1)
            racers.start_soon(store_again)
            await waiting(database, 2)
            await trio_asyncio.aio_as_trio(other.execute)("ROLLBACK")
        assert stored_again == [Stored(StoreOutcome.BEHIND)]
        assert [row["state"] for row in await database.fetch("SELECT state FROM inbox")] == ["pending"]
        assert (await inbox.begin(Attempt(1, term, 6))).outcome is BeginOutcome.DUPLICATE
        assert await database.fetch("SELECT FROM inbox") == []
        nursery.cancel_scope.cancel()


async def waiting(database: Database, count: int) -> None:
    """Return once so many statements wait for a lock."""
    while (await database.fetch(WAITING))[0]["count"] < count:
        await trio.lowlevel.checkpoint()
