"""What one update costs the database from its arrival to its end: store, begin and settle by the service's inbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import trio

from fleet.many_bots.by_day import convert, new_day
from fleet.many_bots.meter import processor_seconds, server_processes
from fleet.promises import rows
from sandbox.postgres import EmbeddedPostgres
from svc.storage.database import open_database
from svc.storage.inbox import Attempt, CallMade, Done, Received
from svc.storage.inbox_sql import PLANNER
from svc.storage.migrate import migrate
from svc.storage.postgres_inbox import PostgresInbox

BOT = 1
PAYLOAD_BYTES = 400
# Each of the statements writes, and so takes one number of a transaction. The table may be one or many.
STATE = """
SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
       (SELECT sum(pg_total_relation_size(oid)) FROM pg_class
        WHERE relname ~ '^processed_updates(_[0-9]+|_before)?$' AND relkind = 'r'),
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""


@dataclass(frozen=True)
class UpdateCost:
    """What one update took on average, where `side_by_side` were worked on at any time."""

    side_by_side: int
    by_day: bool
    commits: float
    wal_bytes: float
    disk_bytes: float
    server_seconds: float


async def update_cost(server: EmbeddedPostgres, updates: int, side_by_side: int, by_day: bool) -> UpdateCost:
    """Store, begin and settle so many updates, each of a chat of its own, on a database of their own; with `by_day`
    processed_updates has partitions. Within an asyncio loop; nobody else may be using the server.
    """
    name = f"cost_{side_by_side}{'_by_day' if by_day else ''}"
    server.execute(f"CREATE DATABASE {name}")
    url = server.url_of(name)
    async with open_database(url, settings=PLANNER) as database:
        await migrate(database)
        if by_day:
            _divide(server, name)
        inbox = PostgresInbox(database, BOT, "one")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inbox.run)
            # Plans are made and pages are there before anything is counted.
            await _work(inbox, range(1, 101), side_by_side)
            before, processor = await _state(url), processor_seconds(server_processes(server))
            await _work(inbox, range(101, 101 + updates), side_by_side)
            used = processor_seconds(server_processes(server)) - processor
            after = await _state(url)
            nursery.cancel_scope.cancel(reason="all has been counted")
    wal, disk, commits = ((there - here) / updates for here, there in zip(before, after, strict=True))
    return UpdateCost(side_by_side, by_day, commits, wal, disk, used / updates)


def _divide(server: EmbeddedPostgres, name: str) -> None:
    """Two days that are over, today, and two days to come: what 48 hours take, with a day in reserve."""
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=number) for number in range(-2, 3)]
    for sql in (convert(days[0]), *map(new_day, days)):
        server.execute(sql, name)


async def _state(url: str) -> tuple[float, ...]:
    return tuple(float(value) for value in (await rows(url, STATE))[0])


async def _work(inbox: PostgresInbox, updates: range, side_by_side: int) -> None:
    term = await inbox.take_over(uuid4(), "one")
    rest = iter(updates)

    async def work() -> None:
        for update_id in rest:
            payload = b" " * PAYLOAD_BYTES
            await inbox.store(Received(update_id, update_id, "message", payload, 0.0, message_id=update_id))
            attempt = Attempt(update_id, term, update_id, watermark=update_id)
            await inbox.begin(attempt)
            await inbox.settle(attempt, Done(), [CallMade("sendMessage", "ok", 50.0, message_id=update_id + 1)])

    async with trio.open_nursery() as nursery:
        for _ in range(side_by_side):
            nursery.start_soon(work)
