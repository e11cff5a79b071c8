"""`make bench-scale`: the rows that it makes are such as the service stores and answers, and it reckons right."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale import report
from benchmarks.scale.fill import BOT_ID, FIRST_PENDING, add_pending, add_processed, add_waiting, connect
from benchmarks.scale.inside.timed_service import STEPS
from benchmarks.scale.rows import Finding, Findings, Row, goal, verdict
from benchmarks.scale.timings import Timings, read_timings
from benchmarks.scale.usage import Usage, usage
from svc.bot.menu_bot import bot
from svc.handler.known import Known
from telegram_client.updates import read_update

FEW = Row("pending", "few", "ms", most=100)
MANY = Row("drain", "many", "/s", least=300)


def query(database_url: str, sql: str) -> list[dict[str, Any]]:
    """Ask the database beside the service."""

    async def ask() -> list[dict[str, Any]]:
        connection = await connect(database_url)
        try:
            return [dict(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def step_of(ms: float) -> int:
    """The step that a time is counted in."""
    return round(STEPS * math.log(ms))


def test_pending_rows_are_starts_that_the_bot_answers_with_a_menu(database_url: str) -> None:
    """Each says in its payload what its columns say, takes about 400 bytes, and is owed a menu."""
    asyncio.run(add_pending(database_url, 40, chats=5))
    found = query(database_url, "SELECT * FROM inbox ORDER BY update_id")
    assert [row["update_id"] for row in found] == list(range(FIRST_PENDING, FIRST_PENDING + 40))
    assert {row["bot_id"] for row in found} == {BOT_ID}
    assert 1 < len({row["chat_id"] for row in found}) <= 5
    for row in found:
        update = read_update(row["payload"])
        assert update.message is not None
        assert (update.update_id, update.message.chat.id) == (row["update_id"], row["chat_id"])
        assert bot.decide(update, Known()).after == "MAIN_MENU_SENT"
        assert 350 < len(row["payload"]) < 450


def test_pending_rows_are_added_up_to_a_number(database_url: str) -> None:
    """What is there stays, and the new ones are younger."""
    for number in (10, 25):
        asyncio.run(add_pending(database_url, number, chats=5))
        (found,) = query(database_url, "SELECT count(*), max(update_id) FROM inbox")
        assert found == {"count": number, "max": FIRST_PENDING + number - 1}


def test_waiting_rows_are_not_due(database_url: str) -> None:
    """They were tried once and put off until tomorrow; what is added behind them is due at once, and untried."""
    asyncio.run(add_waiting(database_url, 10, chats=5))
    asyncio.run(add_pending(database_url, 15, chats=5))
    found = query(
        database_url,
        "SELECT attempts, available_at > now() + interval '23 hours' AS waits, retried_at <= now() AS was_tried,"
        " count(*) FROM inbox GROUP BY 1, 2, 3 ORDER BY 1",
    )
    assert found == [
        {"attempts": 0, "waits": False, "was_tried": None, "count": 5},
        {"attempts": 1, "waits": True, "was_tried": True, "count": 10},
    ]


def test_processed_rows_have_the_age_that_was_asked_for(database_url: str) -> None:
    """The last of them ended so many hours ago, the first an hour before."""
    asyncio.run(add_processed(database_url, 100, hours_ago=72))
    (found,) = query(
        database_url,
        "SELECT count(*), bool_and(processed_at BETWEEN now() - interval '73.1 hours' AND now() - interval '72 hours')"
        " AS aged FROM processed_updates",
    )
    assert found == {"count": 100, "aged": True}


def test_a_percentile_is_the_time_that_so_many_calls_did_not_exceed() -> None:
    """Of 99 short calls and a long one p99 is short; what was counted before is left out; no call, no time."""
    early = Timings(counts={"a": Counter({step_of(500): 7})})
    late = Timings(counts={"a": Counter({step_of(500): 8, step_of(10): 99})}, failed=Counter({"a": 1}))
    seen = late.since(early)
    assert seen.calls("a") == 100
    assert seen.percentile("a", 0.99) == pytest.approx(10, rel=0.02)
    assert seen.percentile("a", 1.0) == pytest.approx(500, rel=0.02)
    assert seen.percentile("b", 0.5) is None
    assert seen.slowest(["a", "b"], 0.99) == seen.percentile("a", 0.99)
    assert seen.brief()["a"]["failed"] == 1


def test_timings_are_read_as_they_were_written(tmp_path: Path) -> None:
    """And there are none before the first have been written."""
    path = tmp_path / "timings"
    assert read_timings(path) == Timings()
    path.write_text(json.dumps({"at": 5.0, "counts": {"a": {-3: 2}}, "failed": {"a": 1}, "first": {"a": 4.0}}))
    assert read_timings(path) == Timings(5.0, {"a": Counter({-3: 2})}, Counter({"a": 1}), {"a": 4.0})


def test_what_others_use_of_the_machine_is_what_is_not_ours() -> None:
    """In processors; a reading in which ours has run ahead of everybody's by a tick is none."""
    before = Usage(at=10.0, everybody=100.0, ours=40.0)
    assert before.foreign_until(Usage(at=12.0, everybody=104.0, ours=41.0)) == 1.5
    assert before.foreign_until(Usage(at=12.0, everybody=101.0, ours=41.01)) == 0.0
    now = usage()
    assert 0 < now.ours < now.everybody


@pytest.mark.parametrize(
    ("row", "finding", "expected"),
    [
        (FEW, Finding(99.0), "met"),
        (FEW, Finding(100.0), "missed"),
        (MANY, Finding(301.0), "met"),
        (MANY, Finding(300.0), "missed"),
        (FEW, Finding(99.0, most=50.0), "missed"),
        (FEW, Finding(None, "no instance became ACTIVE"), "missed"),
        (Row("menus", "no goal", "/s"), Finding(5.0), ""),
    ],
)
def test_a_goal_is_met_or_missed(row: Row, finding: Finding, expected: str) -> None:
    """What could not be measured has missed its goal."""
    assert verdict(row, finding) == expected


def test_a_goal_that_depends_on_another_figure_is_shown() -> None:
    """Instead of the row's own."""
    assert goal(FEW, Finding(1.0, most=42.0)) == "< 42 ms"
    assert goal(FEW, Finding(1.0)) == "< 100 ms"


def test_the_table_has_a_column_for_each_side_and_says_why_a_figure_is_missing() -> None:
    """The verdict is on the last side."""
    before = Findings({"status": Finding(None, "svc status ended with 1")})
    now = Findings({"status": Finding(0.5), "memory": Finding(120.0)})
    lines = report.table({"before": before, "now": now}).splitlines()
    assert [lines[0].split(), *(line.split()[-6:] for line in lines[1:3])] == [
        ["goal", "before", "now"],
        ["100", "MiB", "-", "120.0", "MiB", "missed"],
        ["s", "not", "measured", "0.50", "s", "met"],
    ]
    assert lines[3] == "before, svc status, 5 M pending: svc status ended with 1"
    assert report.missed(now) == ["memory at its peak, draining 2.5 M"]
