"""What tests of the operators' commands share: settings, an inbox, rows by SQL, and how much a statement reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import trio

from svc.actions.record import Operator
from svc.settings.environment import Settings
from svc.storage.database import Database
from svc.storage.inbox import Attempt, CallMade, Ending, Received, Term
from svc.storage.postgres_inbox import PostgresInbox
from tests.harness import settings_for_tests

ANNA = Operator("anna@host", "command")

DEAD = """
INSERT INTO dead_updates (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, attempts, doubts,
                          reason, history)
SELECT $1, n, n, 'message', '{"text":"/start"}', now() - make_interval(hours => n), 'one', 5, 1,
       CASE WHEN n % 5 = 0 THEN 'RuntimeError: no luck' ELSE '401 Unauthorized' END, '[]'
FROM generate_series(1, $2::int) n
"""
WAITING = """
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by, received_at)
SELECT $1, n, n, 'message', '{}', 'one', now() - make_interval(secs => n) FROM generate_series(1, $2::int) n
"""
PROCESSED = """
INSERT INTO processed_updates (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, chat_id,
                               received_by, processed_at)
SELECT $1, -n, 'one', 'message', now(), 'done', n, 'one', now() - make_interval(secs => n)
FROM generate_series(1, $2::int) n
"""


async def fill(database: Database, bot_id: int, many: int) -> None:
    """So many updates that wait, that are dead and that are done; of those that wait every thousandth is in flight."""
    for rows in (WAITING, DEAD, PROCESSED):
        await database.fetch(rows, bot_id, many)
    await database.fetch("UPDATE inbox SET state = 'processing', epoch = 1 WHERE update_id % 1000 = 0")
    await database.fetch("ANALYZE")


def settings_on(database_url: str) -> Settings:
    """Settings whose database is the test's, with no Telegram behind them."""
    return replace(
        settings_for_tests(),
        database_url=database_url,
        leader_database_url=database_url,
        telegram_api_root="http://127.0.0.1:1",
    )


@asynccontextmanager
async def an_inbox(database: Database, settings: Settings) -> AsyncIterator[tuple[PostgresInbox, Term]]:
    """An inbox that writes, and a term."""
    inbox = PostgresInbox(database, settings.bot_id, "one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        yield inbox, await inbox.take_over(uuid4(), "one")
        nursery.cancel_scope.cancel(reason="the test is over")


async def attempt(inbox: PostgresInbox, term: Term, update_id: int, ending: Ending, *calls: CallMade) -> None:
    """Begin an update and settle it."""
    begun = Attempt(update_id, term, update_id * 1000 + len(calls))
    await inbox.begin(begun)
    await inbox.settle(begun, ending, calls)


def received(update_id: int) -> Received:
    """A /start of a chat of its own."""
    return Received(update_id, update_id, "message", b'{"text":"/start"}', trio.current_time())


async def rows_read(database: Database, sql: str, *args: Any) -> int:
    """How many rows of tables and entries of indexes the server reads for a statement, which it carries out."""
    ((plan,),) = await database.fetch("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, *args)
    return round(sum(map(_read_by, _nodes(json.loads(plan)[0]["Plan"]))))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _read_by(node: dict[str, Any]) -> float:
    if "Relation Name" not in node or not node["Node Type"].endswith("Scan"):
        return 0
    left_out = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return float((node["Actual Rows"] + left_out) * node["Actual Loops"])
