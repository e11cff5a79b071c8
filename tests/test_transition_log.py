"""The history of states, in Postgres."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import trio
import trio.testing

from statemachine import State, Transition
from svc.reports.history import leadership_terms
from svc.reports.history import transitions as latest_transitions
from svc.storage.database import Database
from svc.storage.instances import Heartbeat
from svc.storage.postgres_instances import PostgresInstances
from svc.storage.transition_log import PostgresTransitionLog
from tests.flaky_database import FlakyDatabase

AT = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
BOOTED = Transition(State.BOOT, State.PASSIVE, "booted", "ready", None, 0.5)
WON = Transition(State.PASSIVE, State.ACTIVE, "lock_acquired", "lock acquired", 7, 12.25)
COLUMNS = "bot_id, instance_id, from_state, to_state, trigger, reason, epoch, at, held"
HEARD_OF = "UPDATE instances SET seen_at = $2 WHERE bot_id = 42 AND $1 = ANY (epochs)"


async def rows(database: Database) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.fetch(f"SELECT {COLUMNS} FROM state_transitions ORDER BY id")]


async def test_every_column_is_written(database: Database) -> None:
    """A transition is kept with who, from where to where, why, in which term, when and after how long."""
    transitions = PostgresTransitionLog(database, 42, "one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transitions.run)
        await transitions.record(BOOTED, AT)
        await transitions.record(WON, AT + timedelta(seconds=1))
        nursery.cancel_scope.cancel()
    assert await rows(database) == [
        (42, "one", "BOOT", "PASSIVE", "booted", "ready", None, AT, 0.5),
        (42, "one", "PASSIVE", "ACTIVE", "lock_acquired", "lock acquired", 7, AT + timedelta(seconds=1), 12.25),
    ]


async def test_a_leader_that_was_killed_wrote_no_end(database: Database) -> None:
    """Its term ends when it was last heard of: the next leader notes that, and until there is one its silence tells."""
    now = datetime.now(UTC)
    transitions = PostgresTransitionLog(database, 42, "one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transitions.run)
        for epoch, started, seen in ((7, 200, 150), (8, 100, 60)):
            await PostgresInstances(database, 42, "one").beat(Heartbeat("ACTIVE", 1.0, (epoch,)))
            await database.fetch(HEARD_OF, epoch, now - timedelta(seconds=seen))
            await transitions.record(replace(WON, epoch=epoch), now - timedelta(seconds=started))
        nursery.cancel_scope.cancel()
    await database.fetch(
        "INSERT INTO leadership (bot_id, epoch, holder, instance_id) VALUES (42, 8, $1, 'one')", uuid4()
    )
    first, second = leadership_terms(await latest_transitions(database, 42, 10))
    assert [(now - moment).total_seconds() for moment in (first.end, second.end) if moment] == [150, 60]
    assert second.gap == 50


async def test_transitions_wait_for_the_database(database: Database) -> None:
    """While the database is away transitions wait, and are written once, in order, when it is back."""
    flaky = FlakyDatabase(database)
    flaky.away = True
    transitions = PostgresTransitionLog(flaky, 42, "one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transitions.run)
        nursery.start_soon(transitions.record, BOOTED, AT)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(transitions.record, WON, AT)
        await trio.testing.wait_all_tasks_blocked()
        assert await rows(database) == []
        flaky.away = False
        with trio.fail_after(10):
            await transitions.flush()
        nursery.cancel_scope.cancel()
    assert [row[4] for row in await rows(database)] == ["booted", "lock_acquired"]


async def test_old_transitions_are_forgotten_but_for_the_latest(database: Database) -> None:
    """Up to so many at once, the oldest first, of this bot only; the last twenty stay however old they are."""
    now = datetime.now(UTC)
    transitions = PostgresTransitionLog(database, 42, "one")
    other = PostgresTransitionLog(database, 43, "one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transitions.run)
        nursery.start_soon(other.run)
        for hours in range(60, 0, -1):
            await transitions.record(WON, now - timedelta(hours=hours))
        await other.record(WON, now - timedelta(hours=1000))
        nursery.cancel_scope.cancel()
    ages = (
        "SELECT round(extract(epoch FROM now() - at) / 3600)::int FROM state_transitions WHERE bot_id = 42 ORDER BY at"
    )
    assert await transitions.prune(50 * 3600 + 60, 4) == 4
    assert [row[0] for row in await database.fetch(ages)] == list(range(56, 0, -1))
    assert await transitions.prune(50 * 3600 + 60, 1000) == 6
    assert [row[0] for row in await database.fetch(ages)] == list(range(50, 0, -1))
    assert await transitions.prune(60, 1000) == 30
    assert [row[0] for row in await database.fetch(ages)] == list(range(20, 0, -1))
    assert len(await rows(database)) == 21
