"""What operators ask, over a real Postgres and without a running instance."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import trio

from sandbox.app import Sandbox
from sandbox.state import WebhookSettings
from sandbox.telegram import DEMO_TOKEN
from statemachine import State, Transition
from svc.operations import inspect, reports
from svc.operations.preflight import preflight
from svc.settings.environment import Intake, Settings
from svc.storage.database import Database, asyncio_loop
from svc.storage.inbox import Attempt, CallMade, Dead, Done, Ending, Received, Retry, Term
from svc.storage.postgres_inbox import PostgresInbox
from svc.storage.transition_log import PostgresTransitionLog
from tests.harness import settings_for_tests

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    nobody = "http://127.0.0.1:1"  # no Telegram is there
    return replace(
        settings_for_tests(), database_url=database_url, leader_database_url=database_url, telegram_api_root=nobody
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


async def test_an_updates_whole_life(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Received by, begun, each call and its outcome, in doubt, resent, done: in order, with times and who."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        await attempt(inbox, term, 5, Retry(0, "flood"), CallMade("sendMessage", "not_sent", 12.5))
        await inbox.begin(Attempt(5, term, 77))
        second = await inbox.take_over(uuid4(), "two")
        await inbox.resolve_doubts(second, "resend", 0)
        await attempt(
            inbox, second, 5, Done(), CallMade("answerCallbackQuery", "ok", 3), CallMade("sendMessage", "ok", 8)
        )
        assert await inspect.show_update(settings, update_id=5, as_json=True)
    update = json.loads(capsys.readouterr().out)
    assert (update["state"], update["note"], update["attempts"], update["doubts"]) == ("done", "done", 3, 1)
    assert update["received_by"] == "one"
    assert [entry["event"] for entry in update["history"]] == ["retry", "in_doubt", "resend", "done"]
    assert [call["method"] for call in update["history"][-1]["calls"]] == ["answerCallbackQuery", "sendMessage"]
    assert update["history"][0]["calls"] == [{"method": "sendMessage", "outcome": "not_sent", "ms": 12.5}]

    assert await inspect.show_update(settings, update_id=5, as_json=False)
    story = capsys.readouterr().out
    for words in (
        "received by one",
        "sendMessage: not_sent",
        "its term has ended",
        "resend",
        "sendMessage: ok in 8 ms",
    ):
        assert words in story


async def test_a_dead_update_is_listed_shown_and_replayed(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dead with reason and payload; replayed it is pending again, with its history, and may be processed."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        await attempt(inbox, term, 5, Dead("RuntimeError: no luck"))
        assert await inspect.list_updates(settings, state="dead", as_json=False, limit=10)
        assert "RuntimeError: no luck" in capsys.readouterr().out
        assert await inspect.replay_updates(settings, update_ids=[5], as_json=False)
        assert not await inspect.replay_updates(settings, update_ids=[5, 6], as_json=False)
        assert capsys.readouterr().out == "5 replayed\n5 is not dead\n6 is not dead\n"
        (head,) = await inbox.backfill(10)
        assert head.payload == b'{"text":"/start"}'
        await attempt(inbox, term, 5, Done())
        update = await reports.show_update(database, settings.bot_id, 5)
        assert update is not None
        assert [entry["event"] for entry in update["history"]] == ["dead", "replay", "done"]


async def test_updates_are_listed_by_state(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each state has its own; an unknown id is said and is exit 1."""
    async with an_inbox(database, settings) as (inbox, term):
        for update_id in range(1, 5):
            await inbox.store(received(update_id))
        await inbox.begin(Attempt(2, term, 1))
        await attempt(inbox, term, 3, Dead("x"))
        await attempt(inbox, term, 4, Done("refused"))
        listed: dict[str, Any] = {}
        for state in ("pending", "processing", "dead", "done"):
            assert await inspect.list_updates(settings, state=state, as_json=True, limit=10)
            listed[state] = [row["update_id"] for row in json.loads(capsys.readouterr().out)]
    assert listed == {"pending": [1], "processing": [2], "dead": [3], "done": [4, 3]}
    assert not await inspect.show_update(settings, update_id=9, as_json=False)
    assert "nothing is known of update 9" in capsys.readouterr().out


async def test_a_long_history_stays_bounded(database: Database, settings: Settings) -> None:
    """A day of retries does not make a row grow without end; its first and its latest entries are kept."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        for number in range(60):
            begun = Attempt(5, term, number)
            await inbox.begin(begun)
            await inbox.settle(begun, Retry(0, f"error {number}"))
        update = await reports.show_update(database, settings.bot_id, 5)
    assert update is not None
    errors = [entry["error"] for entry in update["history"]]
    assert len(errors) == 40
    assert (errors[0], errors[-1]) == ("error 0", "error 59")


async def test_status(database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody holds the lock: none is ACTIVE, and who was last; what waits, what is in doubt, what is dead."""
    async with an_inbox(database, settings) as (inbox, term):
        for update_id in (1, 2, 3):
            await inbox.store(received(update_id))
        await attempt(inbox, term, 1, Dead("x"))
        await inbox.begin(Attempt(2, term, 1))
        await inbox.take_over(uuid4(), "two")
        assert await inspect.show_status(settings, as_json=True)
    status = json.loads(capsys.readouterr().out)
    assert (status["active"], status["last_active"], status["epoch"]) == (None, "two", 2)
    assert (status["inbox"], status["in_doubt"], status["dead"]) == (2, 1, 1)
    assert status["oldest_seconds"] >= 0
    assert "ConnectError" in status["webhook"]["unknown"]


async def test_transitions(database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The history of all instances, and who was ACTIVE when."""
    async with trio.open_nursery() as nursery:
        for label, steps in {
            "one": [(0, State.PASSIVE, State.ACTIVE, 1), (60, State.ACTIVE, State.DRAINING, 1)],
            "two": [(61, State.PASSIVE, State.ACTIVE, 2)],
        }.items():
            transition_log = PostgresTransitionLog(database, settings.bot_id, label)
            nursery.start_soon(transition_log.run)
            for seconds, source, target, epoch in steps:
                step = Transition(source, target, "trigger", "SIGTERM", epoch, 1.5)
                await transition_log.record(step, NOON + timedelta(seconds=seconds))
        nursery.cancel_scope.cancel(reason="written")
    assert await inspect.show_transitions(settings, as_json=False, limit=10)
    text = capsys.readouterr().out
    assert text.count("->") == 3
    assert "ACTIVE one epoch=1" in text
    assert "nobody for 1.000 s before" in text
    assert await inspect.show_transitions(settings, as_json=True, limit=2)
    assert [row["to_state"] for row in json.loads(capsys.readouterr().out)] == ["DRAINING", "ACTIVE"]


def test_the_term_of_a_killed_instance_ends_where_the_next_begins() -> None:
    """It wrote nothing about its end."""

    def row(seconds: int, instance: str, source: str, target: str, epoch: int) -> dict[str, Any]:
        at = NOON + timedelta(seconds=seconds)
        return {
            "at": at, "instance_id": instance, "from_state": source, "to_state": target, "epoch": epoch, "reason": "r",
        }  # fmt: skip

    first, second = reports.leadership_terms(
        [row(0, "one", "PASSIVE", "ACTIVE", 1), row(9, "two", "PASSIVE", "ACTIVE", 2)]
    )
    assert first.end == second.start
    assert "killed" in first.ended_by
    assert second.gap == 0
    assert second.end is None


TOKENS_HALF = DEMO_TOKEN.partition(":")[2]


async def test_the_status_tells_what_telegram_says(
    settings: Settings, capsys: pytest.CaptureFixture[str], nursery: trio.Nursery
) -> None:
    """The webhook's address, what waits there and the last error; no token, though somebody has put it in the path."""
    sandbox = Sandbox()
    there = replace(settings, telegram_api_root=await nursery.start(sandbox.run))
    bot = sandbox.telegram.bot()
    bot.webhook = WebhookSettings(f"https://old.example/{quote(DEMO_TOKEN, safe='')}")
    bot.last_error_date, bot.last_error_message = 1_700_000_000, "Connection refused"
    async with asyncio_loop():
        assert await inspect.show_status(there, as_json=False)
        text = capsys.readouterr().out
        assert await inspect.show_status(there, as_json=True)
        webhook = json.loads(capsys.readouterr().out)["webhook"]
    assert "webhook   https://old.example/***, 0 pending at Telegram, last error: Connection refused" in text
    assert webhook == {
        "url": "https://old.example/***",
        "pending_update_count": 0,
        "last_error_date": 1_700_000_000,
        "last_error_message": "Connection refused",
    }
    nursery.cancel_scope.cancel()


URL, OTHERS = "https://bot.example/webhook", f"https://old.example/{DEMO_TOKEN}"


@pytest.mark.parametrize(
    ("intake", "wanted", "found", "well", "says"),
    [
        ("webhook", URL, URL, True, f"{URL}, 0 pending; last error: Connection refused"),
        ("webhook", URL, OTHERS, True, f"svc run will set {URL}; now it is https://old.example/***"),
        ("webhook", URL, None, True, f"svc run will set {URL}; now it is not set"),
        ("webhook", None, OTHERS, True, "https://old.example/***, 0 pending; last error: Connection refused"),
        ("webhook", None, None, False, "nothing can arrive"),
        ("polling", None, None, True, "none is set, as polling needs it"),
        ("polling", URL, None, True, "none is set, as polling needs it"),
        ("polling", URL, OTHERS, False, "https://old.example/*** is set, so nobody can poll: `svc webhook delete`"),
    ],
)
async def test_the_preflight_knows_what_the_intake_needs(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    nursery: trio.Nursery,
    intake: Intake,
    wanted: str | None,
    found: str | None,
    well: bool,
    says: str,
) -> None:
    """`svc check`: fit if updates can arrive, as it is or as `svc run` will make it; what it prints hides the token."""
    sandbox = Sandbox()
    there = replace(settings, telegram_api_root=await nursery.start(sandbox.run), intake=intake, webhook_url=wanted)
    if found is not None:
        sandbox.telegram.bot().webhook = WebhookSettings(found)
        bot = sandbox.telegram.bot()
        bot.last_error_date, bot.last_error_message = 1_700_000_000, "Connection refused"
    async with asyncio_loop():
        assert await preflight(there) is well
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("ok    webhook: " if well else "FAIL  webhook: ")
    assert says in line
    assert TOKENS_HALF not in line
    nursery.cancel_scope.cancel()


async def test_a_database_without_tables_is_said(empty_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names the command, and exit 1."""
    empty = replace(settings_for_tests(), database_url=empty_database_url)
    async with asyncio_loop():
        assert not await inspect.show_status(empty, as_json=False)
    said = capsys.readouterr()
    assert "run svc migrate" in said.err
    assert said.out == ""
