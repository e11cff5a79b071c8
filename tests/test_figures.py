"""The table figures: what each instance counts is in it, whatever goes wrong meanwhile, and is read back in slots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import trio
import trio.testing

from statemachine import State
from svc.observability.metrics import Metrics, Readings, Snapshot
from svc.observability.metrics.snapshot import difference
from svc.operations.run import real_parts
from svc.storage.database import Connection, Database
from svc.storage.errors import DatabaseUnavailable
from svc.storage.figures import KEPT_FOR, WRITE_EVERY, PostgresFigures, percentile, read_slots, write_figures
from svc.storage.figures_writer import LAST_DEADLINE, FiguresWriter
from svc.storage.storable import storable_json
from tests.harness import captured_logs, running_bot, settings_for_tests

BOT = 1
Row = Mapping[str, Any]


class MemoryFigures:
    """`Figures` in memory. `away`: nothing can be written; `hangs`: nothing is ever answered."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.away = self.hangs = False

    async def write(self, figures: Row) -> None:
        await trio.lowlevel.checkpoint()
        if self.hangs:
            await trio.sleep_forever()
        if self.away:
            raise DatabaseUnavailable("away")
        self.rows.append(figures)

    async def prune(self, age: float, limit: int) -> int:
        raise AssertionError("that is in Postgres only")


# From two snapshots to a row


def test_a_row_is_what_was_counted_between_two_snapshots() -> None:
    """Differences of counters and of buckets, without what is 0; probes are no answers that anybody waits for."""
    metrics = Metrics()
    metrics.updates.count_accepted("stored")
    metrics.ack.observe(0.003)
    before = metrics.snapshot()
    for _ in range(3):
        metrics.updates.count_accepted("stored")
    metrics.updates.count_accepted("duplicate")
    metrics.updates.count_finished("done")
    metrics.updates.count_retried()
    metrics.updates.count_doubt("begun")
    metrics.updates.count_doubt("not_found")
    metrics.bot_api.observe("sendMessage", "ok", 0.1)
    metrics.bot_api.observe("sendPhoto", "ok", 0.1)
    metrics.bot_api.observe("sendMessage", "flood", 0.1)
    metrics.bot_api.observe("probe", "refused", 0.1)
    metrics.bot_api.count_flood(12.5)
    for seconds in (0.003, 0.004, 0.9, 99.0):
        metrics.ack.observe(seconds)
    row = difference(before, metrics.snapshot(), 10.0004)
    ack = row.pop("ack")
    assert row == {
        "seconds": 10.0,
        "counts": {"accepted": 3, "duplicates": 1, "done": 1, "retried": 1, "in_doubt": 1, "found": 1},
        "answers": {"ok": 2, "flood": 1},
        "flood": {"pauses": 1, "seconds": 12.5},
    }
    counted = dict(zip([*ack["le"], math.inf], ack["n"], strict=True))
    assert {bound: count for bound, count in counted.items() if count} == {0.005: 2, 1.0: 1, math.inf: 1}


def test_a_row_of_which_nothing_is_to_be_told_is_short() -> None:
    """It says that the instance lived."""
    assert difference(Snapshot(), Metrics().snapshot(), 10) == {"seconds": 10}


@pytest.mark.parametrize(
    ("histogram", "share", "expected"),
    [
        ({}, 0.5, None),
        ({1.0: 0, math.inf: 0}, 0.5, None),
        ({1.0: 100}, 0.5, 0.5),
        ({1.0: 50, 2.0: 50}, 0.5, 1.0),
        ({1.0: 50, 2.0: 50}, 0.75, 1.5),
        ({0.1: 0, 0.2: 10}, 1.0, 0.2),
        ({0.1: 0, 0.2: 10}, 0.0, None),
        ({1.0: 1, math.inf: 99}, 0.99, 1.0),
        ({2.0: 4, 1.0: 4}, 0.25, 0.5),
    ],
)
def test_percentiles_lie_between_the_bounds(histogram: Mapping[float, int], share: float, expected: float) -> None:
    """In proportion; above the last bound nothing more is known."""
    assert percentile(histogram, share) == (None if expected is None else pytest.approx(expected))


# Writing


async def test_every_instance_writes_every_ten_seconds(autojump_clock: trio.testing.MockClock) -> None:
    """Also in PASSIVE, and what was counted since the last row when it ends. Only the leader tells of the rest."""
    figures = MemoryFigures()

    async def readings() -> Readings:
        await trio.lowlevel.checkpoint()
        return Readings(at=1.0, inbox=5, jobs={"kie": {"running": 2}})

    async with running_bot(passive=True, figures=figures, take_readings=readings) as bot:
        await bot.send(7)
        await trio.sleep(WRITE_EVERY + 1)
        (first,) = figures.rows
        assert first["counts"] == {"accepted": 1}
        assert "readings" not in first
        assert "telegram" not in first
        bot.lock.unblock()
        await bot.settled()
        await trio.sleep(WRITE_EVERY)
        second = figures.rows[1]
        assert (second["counts"], second["answers"]["ok"] > 0, sum(second["menu"]["n"])) == ({"done": 1}, True, 1)
        assert (second["readings"]["inbox"], second["readings"]["jobs"]) == (5, {"kie": {"running": 2}})
        assert second["telegram"] == {"pending": 0, "last_error": None, "last_error_at": None}
        await bot.send(8)
        await bot.settled()
        await bot.drain()
        assert figures.rows[-1]["counts"] == {"accepted": 1, "done": 1}
        assert "readings" not in figures.rows[-1]
        assert sum(row["seconds"] for row in figures.rows) == pytest.approx(trio.current_time(), abs=1)


async def test_what_could_not_be_written_is_in_the_next_row(autojump_clock: trio.testing.MockClock) -> None:
    """It says how many seconds it is about."""
    metrics, figures = Metrics(), MemoryFigures()
    with captured_logs() as logs, trio.move_on_after(3.5 * WRITE_EVERY):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(FiguresWriter(metrics, figures).run)
            figures.away = True
            metrics.updates.count_accepted("stored")
            await trio.sleep(2.5 * WRITE_EVERY)
            figures.away = False
            metrics.updates.count_accepted("stored")
    assert figures.rows[0] == {"seconds": 3 * WRITE_EVERY, "counts": {"accepted": 2}}
    assert logs.names() == ["DB_LOST", "DB_LOST"]


async def test_the_end_of_the_process_does_not_wait_for_a_row(autojump_clock: trio.testing.MockClock) -> None:
    """A database that does not answer costs half a second."""
    figures = MemoryFigures()
    async with running_bot(figures=figures) as bot:
        figures.hangs = True
        began = trio.current_time()
        await bot.drain()
        assert trio.current_time() - began <= LAST_DEADLINE + 0.1
        assert bot.service.lifecycle.state is State.DRAINING


# In Postgres


AT = "INSERT INTO figures (bot_id, at, instance_id, figures) VALUES ($1, $2, $3, $4::jsonb)"


async def minute(database: Database) -> datetime:
    """When the minute has begun, by the database's clock."""
    ((at,),) = await database.fetch("SELECT date_trunc('minute', now())")
    assert isinstance(at, datetime)
    return at


async def test_slots_add_up_all_instances(database: Database) -> None:
    """Counts, answers, floods and histograms, also where two versions have other bounds; the rest is the latest."""
    busy = {
        "seconds": 10,
        "counts": {"accepted": 3, "done": 2},
        "answers": {"ok": 5},
        "flood": {"pauses": 1, "seconds": 2.5},
        "ack": {"le": [0.1, 1], "n": [4, 0, 1]},
        "readings": {"inbox": 9, "jobs": {"kie": {"ready": 1}}},
        "telegram": {"pending": 4, "last_error": "no\0 route", "last_error_at": 1_700_000_000},
    }
    other = {"seconds": 10, "counts": {"accepted": 1}, "ack": {"le": [0.2, 1], "n": [0, 2, 0]}, "flood": {}}
    now = await minute(database)
    for bot, ago, instance, row in (
        (BOT, 50, "one", busy),
        (BOT, 40, "one", {**busy, "readings": {"inbox": 2}}),
        (BOT, 45, "two", other),
        (BOT, 350, "two", {"seconds": 10}),
        (BOT + 1, 45, "one", busy),
    ):
        await database.fetch(AT, bot, now - timedelta(seconds=ago), instance, storable_json(row))
    quiet, slot = await read_slots(database, BOT, seconds=600, slot=60)
    assert (now - slot.at, now - quiet.at) == (timedelta(seconds=60), timedelta(seconds=360))
    assert (slot.seconds, slot.counts, slot.answers) == (60, {"accepted": 7, "done": 4}, {"ok": 10})
    assert (slot.flood_pauses, slot.flood_seconds) == (2, 5.0)
    assert list(slot.ack.items()) == [(0.1, 8), (0.2, 0), (1, 2), (math.inf, 2)]
    assert slot.menu == {}
    assert slot.readings == {"inbox": 2}
    assert slot.telegram == {"pending": 4, "last_error": "no route", "last_error_at": 1_700_000_000}
    assert (quiet.counts, quiet.ack, quiet.readings, quiet.telegram) == ({}, {}, None, None)
    assert await read_slots(database, BOT, seconds=1, slot=60) == []


async def test_what_an_instance_writes_can_be_read(database: Database) -> None:
    """The whole way, from the metrics to a percentile."""
    metrics = Metrics()
    for _ in range(100):
        metrics.ack.observe(0.003)
        metrics.updates.count_accepted("stored")
    figures = PostgresFigures(database, BOT, "one")
    await figures.write(difference(Snapshot(), metrics.snapshot(), 10))
    slots = await read_slots(database, BOT, seconds=60, slot=3600)
    assert [slot.counts for slot in slots] == [{"accepted": 100}]
    assert percentile(slots[0].ack, 0.5) == pytest.approx(0.0035)


async def test_a_row_waits_for_no_disk_and_nothing_else_is_so(database: Database) -> None:
    """The setting is the statement's own: the next commit of the session waits as ever."""

    async def work(connection: Connection) -> list[Any]:
        return [
            await connection.fetchval("SHOW synchronous_commit"),
            await connection.fetchval(
                "WITH written AS (SELECT set_config('synchronous_commit', 'off', true)) SELECT * FROM written"
            ),
            await connection.fetchval("SHOW synchronous_commit"),
        ]

    await write_figures(database, BOT, "one", {"seconds": 10})
    assert await database.on_connection(work) == ["on", "off", "on"]


async def test_old_rows_are_pruned_the_oldest_first(database: Database) -> None:
    """Up to a limit, of this bot only."""
    figures = PostgresFigures(database, BOT, "one")
    now = await minute(database)
    for hours in (1, 50, 60, 70):
        await database.fetch(AT, BOT, now - timedelta(hours=hours), "one", storable_json({"seconds": hours}))
    await database.fetch(AT, BOT + 1, now - timedelta(hours=70), "one", "{}")
    assert await figures.prune(KEPT_FOR, 2) == 2
    assert await figures.prune(KEPT_FOR, 2) == 1
    assert await figures.prune(KEPT_FOR, 2) == 0
    left = await database.fetch("SELECT figures ->> 'seconds' AS seconds FROM figures WHERE bot_id = $1", BOT)
    assert [row["seconds"] for row in left] == ["1"]


async def test_they_are_kept_for_two_days(database: Database) -> None:
    """By the leader, who forgets whatever else is over."""
    settings = settings_for_tests(database_url="")
    for hours in (47, 49):
        await database.fetch(AT, settings.bot_id, await minute(database) - timedelta(hours=hours), f"{hours} h", "{}")
    for kept in real_parts(settings, Metrics(), database).kept:
        await kept.prune(kept.seconds, 10)
    assert [row["instance_id"] for row in await database.fetch("SELECT instance_id FROM figures")] == ["47 h"]
