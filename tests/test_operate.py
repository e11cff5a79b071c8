"""What operators ask, over a real Postgres and without a running instance."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest
import trio

from sandbox.app import Sandbox
from sandbox.state import WebhookSettings
from sandbox.telegram import DEMO_TOKEN
from statemachine import State, Transition
from svc.actions.dead_letters import REPLAY
from svc.operations import inspect
from svc.operations.preflight import preflight
from svc.operations.printing.document import plain_text
from svc.operations.texts.life import life_document
from svc.reports import history
from svc.reports import updates as reports
from svc.settings.environment import Intake, Settings
from svc.storage.database import Database, asyncio_loop, open_database
from svc.storage.inbox import Attempt, CallMade, Dead, Done, Retry, Unclear
from svc.storage.looks import Absent, Found, LookResult, Unsure
from svc.storage.transition_log import PostgresTransitionLog
from tests.operators import ANNA, PROCESSED, an_inbox, attempt, fill, received, rows_read, settings_on

MANY = 20_000
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    return settings_on(database_url)


async def test_an_updates_whole_life(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Received by, begun, each call and its outcome, in doubt, resent, done: in order, with times and who."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        await attempt(inbox, term, 5, Retry(0, "flood"), CallMade("sendMessage", "not_sent", 12.5))
        await inbox.begin(Attempt(5, term, 77))
        second = await inbox.take_over(uuid4(), "two")
        await inbox.resolve_doubts(second, "resend", 0, ())
        await attempt(
            inbox, second, 5, Done(), CallMade("answerCallbackQuery", "ok", 3), CallMade("sendMessage", "ok", 8, 9)
        )
        assert await inspect.show_update(settings, update_id=5, as_json=True)
    update = json.loads(capsys.readouterr().out)
    assert (update["state"], update["note"], update["attempts"], update["doubts"]) == ("done", "done", 3, 1)
    assert update["received_by"] == "one"
    assert [entry["event"] for entry in update["history"]] == ["retry", "resend", "done"]
    assert [call["method"] for call in update["history"][-1]["calls"]] == ["answerCallbackQuery", "sendMessage"]
    assert update["history"][0]["calls"] == [{"method": "sendMessage", "outcome": "not_sent", "ms": 12.5}]

    assert await inspect.show_update(settings, update_id=5, as_json=False)
    story = capsys.readouterr().out
    for words in (
        "received by one",
        "sendMessage: not_sent",
        "resend: in doubt, so it is sent once more why=its term has ended",
        "sendMessage: ok in 8 ms, message 9",
    ):
        assert words in story


async def test_the_story_of_a_send_that_was_looked_for(database: Database, settings: Settings) -> None:
    """In doubt, not found, sent again, in doubt once more, found: with the probes and the message."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        results: list[LookResult] = [Unsure("429"), Absent(), Absent(), Found(105)]
        for token, looked in ((1, results[:3]), (2, results[3:])):
            await inbox.begin(Attempt(5, term, token, watermark=100))
            await inbox.settle(Attempt(5, term, token), Unclear(0, "504"), [CallMade("sendMessage", "in_doubt", 9)])
            for result in looked:
                (due,) = await inbox.due_looks(term, (), 1)
                await inbox.settle_look(term, due, result, "resend", probes=3)
                await database.fetch("UPDATE inbox SET look_at = now() + make_interval(mins => absent - 1)")
        update = await reports.show_update(database, settings.bot_id, 5)
    assert update is not None
    lines = [line[len("2026-11-24 12:00:00.000+00:00 ") :] for line in plain_text(life_document(update)).splitlines()]
    in_doubt = "in doubt: what was sent may have arrived, so it is looked for before anything is sent again"
    for expected in (
        f"{in_doubt} delay=0 error=504",
        "looked for: not found so far instance=one epoch=1 look=1 probes=3 why=429",
        "looked for: not found so far instance=one epoch=1 look=2 probes=3",
        "not found: nothing is there, so it is sent again instance=one epoch=1 look=3 probes=3",
        f"{in_doubt} delay=0 error=504",
        "found: the message is there, so nothing is sent again instance=one epoch=1 message_id=105 look=4 probes=3",
    ):
        assert expected in lines
        lines = lines[lines.index(expected) + 1 :]


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


async def test_what_an_update_waits_for_is_told(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on the ops page: in the table's words, and under a name in JSON."""
    async with an_inbox(database, settings) as (inbox, _):
        for number in (1, 2):
            await inbox.store(replace(received(number), chat_id=7))
        assert await inspect.show_update(settings, update_id=2, as_json=False)
        assert "now: update 1 of its chat comes first\n" in capsys.readouterr().out
        assert await inspect.show_update(settings, update_id=2, as_json=True)
    assert json.loads(capsys.readouterr().out)["blocked_by"]["update_id"] == 1


async def a_waiting_update(database: Database, settings: Settings, changes: str) -> str:
    """What is told of an update, begun by the first of two terms, whose row has these `changes`."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        await inbox.begin(Attempt(5, term, 7))
        await inbox.take_over(uuid4(), "two")
    await database.fetch(f"UPDATE inbox SET {changes}")
    update = await reports.show_update(database, settings.bot_id, 5)
    assert update is not None
    return plain_text(life_document(update))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            "doubts = 0",
            "in doubt: term 1, which began it, has ended. It is sent once more or left out, as IN_DOUBT or"
            " IN_DOUBT_FALLBACK says",
        ),
        ("doubts = 1", "has ended. It may have been sent 2 times already and is not sent again"),
        ("repeatable = true", "has ended. Every call of it may be made twice without harm, so they are made again"),
        ("epoch = 2, repeatable = true", "every call of this attempt may be made twice without harm"),
        (
            "watermark = 100, looks = 1",
            "in doubt: looked for 1 times, and 0 times in turn not found. It is looked for when its owner is known to",
        ),
        ("state = 'in_doubt', watermark = 100, looks = 1, absent = 1, look_at = now()", ". The next look is due at 20"),
        (
            "state = 'in_doubt', watermark = 100, looks = 10, absent = 2, look_at = 'infinity'",
            "in doubt: looked for 10 times, and 2 times in turn not found, so it is sent again",
        ),
        ("state = 'pending', blamed = 2", "leaders that ended while its handler was being called: 2"),
    ],
)
async def test_what_a_state_means_is_explained(database: Database, settings: Settings, changes: str, says: str) -> None:
    """What was begun by an ended term is in doubt, and what follows from that; who died of it."""
    assert says in await a_waiting_update(database, settings, changes)


async def test_an_update_that_was_sent_twice_in_doubt_is_explained(database: Database, settings: Settings) -> None:
    """Why it is dead though nothing is wrong with it, and what can be done."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        await attempt(inbox, term, 5, Retry(0, "504", doubts=1))
        await attempt(inbox, term, 5, Dead("it cannot be told whether it was sent", doubts=1), CallMade("a", "b", 1))
    update = await reports.show_update(database, settings.bot_id, 5)
    assert update is not None
    assert "sent 2 times without a clear answer: it cannot be told whether it arrived" in plain_text(
        life_document(update)
    )
    assert "svc updates replay 5 sends it once more" in plain_text(life_document(update))
    await REPLAY.by_ids(database, settings.bot_id, ANNA, [5])
    update = await reports.show_update(database, settings.bot_id, 5)
    assert update is not None
    assert "replay by an operator\n" in plain_text(life_document(update))
    assert "replayed: its age and its attempts count from" in plain_text(life_document(update))


async def test_lists_read_what_they_show(settings: Settings) -> None:
    """However much waits, is dead or has been processed; also what is in flight, among all that waits."""
    bot = settings.bot_id
    async with asyncio_loop(), open_database(settings.database_url) as database:
        await fill(database, bot, MANY)
        anything = (None, None, None, None, None, reports.LOOKED_AT)
        for state in get_args(reports.UpdateState):
            assert await rows_read(database, reports.list_sql(state), bot, 10, *anything) <= 12
        assert await rows_read(database, reports.REASONS, bot, 10, 1000) == 1000
        assert await rows_read(database, reports.SHOW, bot, 7) <= 4


async def test_a_long_list_comes_in_pages(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand rows are more than one statement can bring by its deadline."""
    monkeypatch.setattr(reports, "PAGE", 10)
    await database.fetch(PROCESSED, settings.bot_id, 35)
    rows = await reports.list_updates(database, settings.bot_id, "done", 31)
    assert [row["update_id"] for row in rows] == [-number for number in range(1, 32)]


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
    assert "nobody for 1 s before" in text
    assert await inspect.show_transitions(settings, as_json=True, limit=2)
    assert [row["to_state"] for row in json.loads(capsys.readouterr().out)] == ["DRAINING", "ACTIVE"]


@pytest.mark.parametrize(("seen", "ended"), [(None, 9), (6, 6), (-3, 0), (12, 9)])
def test_the_term_of_a_killed_instance_ends_when_it_was_last_heard_of(seen: int | None, ended: int) -> None:
    """It wrote no end. Whatever the clocks say, it ends within its time; not known: where the next begins."""

    def row(seconds: int, instance: str, epoch: int, seen: int | None) -> dict[str, Any]:
        states = {"from_state": "PASSIVE", "to_state": "ACTIVE"}
        former = {"former_seen_at": None if seen is None else NOON + timedelta(seconds=seen)}
        at = NOON + timedelta(seconds=seconds)
        return {"at": at, "instance_id": instance, "epoch": epoch, "reason": "r"} | states | former

    first, second = history.leadership_terms([row(0, "one", 1, None), row(9, "two", 2, seen)])
    assert first.end == NOON + timedelta(seconds=ended)
    assert "killed" in first.ended_by
    assert second.gap == (None if seen is None else 9 - ended)
    assert second.end is None


TOKENS_HALF = DEMO_TOKEN.partition(":")[2]


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
    start = "ok    webhook: " if well else "FAIL  webhook: "
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(start))
    assert says in line
    assert TOKENS_HALF not in line
    nursery.cancel_scope.cancel()
