"""What operators are told, over a real Postgres: lives, what waits behind what, searches and what they cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from svc.reports import dead as dead_module
from svc.reports import search as search_module
from svc.reports.dead import dead_updates
from svc.reports.history import LEADING, leading_transitions
from svc.reports.life import job_spans, update_spans
from svc.reports.overview import look, overview, slow_facts, traffic
from svc.reports.pauses import pauses
from svc.reports.search import Asked, asked_for, search
from svc.reports.updates import show_update
from svc.reports.views import JobsView, Span
from svc.reports.waits import BLOCKED, blocked_by, waits
from svc.settings.environment import Settings
from svc.storage.database import Database
from svc.storage.figures import Slot, write_figures
from svc.storage.inbox import Attempt, CallMade, Dead, Done, Received, Retry, Unclear
from svc.storage.looks import Absent, DueLook, Found
from tests.operators import DEAD, an_inbox, attempt, received, rows_read, settings_on

GROUP = -1001234567890
ASKED_AT = datetime(2026, 1, 1, tzinfo=UTC)
WAITS: dict[str, Any] = {
    "state": "pending",
    "ended": False,
    "pause_reason": None,
    "paused_by": None,
    "bot_reason": None,
    "first": None,
    "look_at": None,
    "later": False,
    "available_at": ASKED_AT,
}
JOB = """
INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, input, secret, state, deadline_at, ended_at)
VALUES ($1, $2, $3, $4, 'kie', 'm', '{}', 'x', $5, now(), CASE $5 WHEN 'failed' THEN now() END)
"""
MANY, STEP = 100_000, 5_000
# $1 is the bot; $3 rows behind $2, of $4 in all.
FILL = """
INSERT INTO processed_updates (bot_id, update_id, worker_instance_id, update_type, received_at, outcome, chat_id,
                               received_by)
SELECT $1, n, 'one', 'message', now(), 'done', n % 1000, 'one' FROM generate_series($2 + 1, $2::int + $3::int) n
WHERE $4::int > 0
"""
FILL_INBOX = """
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
SELECT $1, $4::int + n, n % 1000, 'message', '{}', 'one' FROM generate_series($2 + 1, $2::int + $3::int) n
"""
FILL_JOBS = """
INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, input, secret, state, deadline_at, ended_at)
SELECT $1, n, n % 1000, n % 1000, 'kie', 'm', '{}', 'x', 'delivered', now(), now()
FROM generate_series($2 + 1, $2::int + $3::int) n WHERE $4::int > 0
"""


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    return settings_on(database_url)


async def life_of(database: Database, settings: Settings, update_id: int) -> list[Span]:
    row = await show_update(database, settings.bot_id, update_id)
    assert row is not None
    found = await waits(database, settings.bot_id, update_id)
    return update_spans(row, found.began if found else None)


def kinds(spans: list[Span]) -> list[tuple[str, str | None]]:
    return [(span.kind, span.outcome) for span in spans]


async def test_a_life_with_a_retry(database: Database, settings: Settings) -> None:
    """Received, waited, tried twice with the calls within, done: the spans touch, and none is before its arrival."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(1))
        await attempt(inbox, term, 1, Retry(0, "429"), CallMade("sendMessage", "not_sent", 1.0))
        calls = CallMade("sendMessage", "ok", 2.0, 44), CallMade("answerCallbackQuery", "ok", 1.0)
        await attempt(inbox, term, 1, Done(), *calls)
        spans = await life_of(database, settings, 1)
    assert [span for span in kinds(spans) if span[0] != "waiting"] == [
        ("received", None),
        ("attempt", "retry"),
        ("call", "not_sent"),
        ("attempt", "done"),
        ("call", "ok"),
        ("call", "ok"),
        ("ended", "done"),
    ]
    assert [span.detail for span in spans if span.kind == "call"] == ["", "message 44", ""]
    assert all(span.end is not None and 0 <= span.start <= span.end for span in spans)
    attempts = [span for span in spans if span.kind == "attempt"]
    for span in (span for span in spans if span.level == 1):
        assert any(each.start <= span.start and (span.end or 0) <= (each.end or 0) for each in attempts)


async def test_a_life_in_doubt(database: Database, settings: Settings) -> None:
    """What may have been sent is in doubt until a look finds it; both are told, each with its time."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(1))
        begun = Attempt(1, term, 5, watermark=40)
        await inbox.begin(begun)
        await inbox.settle(begun, Unclear(0, "ReadTimeout"), [CallMade("sendMessage", "in_doubt", 3.0)])
        before = await life_of(database, settings, 1)
        (due,) = await inbox.due_looks(term, (), 10)
        await inbox.settle_look(term, due, Absent(), "resend", probes=1)
        (due,) = await due_again(inbox, term)
        await inbox.settle_look(term, due, Found(44), "resend", probes=2)
        spans = await life_of(database, settings, 1)
    assert kinds(before)[-1] == ("doubt", None)
    assert before[-1].end is None
    assert [span for span in kinds(spans) if span[0] != "waiting"] == [
        ("received", None),
        ("attempt", "in_doubt"),
        ("call", "in_doubt"),
        ("look", "looked"),
        ("doubt", None),
        ("look", "found"),
        ("ended", "done"),
    ]
    assert "message id 44" in next(span for span in spans if span.outcome == "found").detail


async def due_again(inbox: Any, term: Any) -> list[DueLook]:
    """The looks that are due next; they are put off for a moment."""
    with trio.fail_after(30):
        while not (due := await inbox.due_looks(term, (), 10)):
            await trio.sleep(0.05)
    return list(due)


async def test_a_life_that_goes_on(database: Database, settings: Settings) -> None:
    """What is being answered has an attempt without an end, what waits a span without one, the dead one an end."""
    async with an_inbox(database, settings) as (inbox, term):
        for number in (1, 2, 3):
            await inbox.store(received(number))
        await inbox.begin(Attempt(1, term, 1))
        await attempt(inbox, term, 3, Dead("no luck"))
        lives = {number: await life_of(database, settings, number) for number in (1, 2, 3)}
    assert [(lives[number][-1].kind, lives[number][-1].end is None) for number in (1, 2, 3)] == [
        ("attempt", True),
        ("waiting", True),
        ("ended", False),
    ]
    assert lives[3][-1].outcome == "no luck"


def test_a_jobs_life() -> None:
    """Each step lasts until the next one; the last one of a job that goes on has no end."""
    history = [
        {"at": (ASKED_AT + timedelta(seconds=seconds)).isoformat(), "event": event}
        for seconds, event in [(0, "asked"), (2, "handed_in"), (5, "running")]
    ]
    job: dict[str, Any] = {"created_at": ASKED_AT, "history": history, "ended_at": None}
    assert [(span.label, span.start, span.end) for span in job_spans(job)] == [
        ("asked", 0, 2),
        ("handed_in", 2, 5),
        ("running", 5, None),
    ]
    assert job_spans(job | {"ended_at": ASKED_AT})[-1].end == 5


@pytest.mark.parametrize(
    ("facts", "why", "update_id"),
    [
        ({}, "nothing: it is its turn", None),
        ({"state": "processing"}, "it is being answered now", None),
        ({"state": "processing", "ended": True}, "it is found out whether it was sent", None),
        ({"state": "in_doubt"}, "it is found out whether it was sent", None),
        ({"later": True}, "it is tried again later", None),
        ({"first": 5, "later": True}, "update 5 of its chat comes first", 5),
        ({"first": -5}, "the end of job 5 of its chat is told first", -5),
        ({"pause_reason": "a raid", "paused_by": "Anna", "first": 5}, "sending is paused by Anna: a raid", None),
        ({"bot_reason": "401 Unauthorized"}, "nothing is sent: 401 Unauthorized", None),
    ],
)
def test_what_an_update_waits_for(facts: dict[str, Any], why: str, update_id: int | None) -> None:
    """The first reason that holds."""
    found = blocked_by(WAITS | facts)
    assert (found.why, found.update_id) == (why, update_id)


async def test_what_waits_behind_what(database: Database, settings: Settings) -> None:
    """The oldest of its chat goes first; the end of a job goes before what waits, and behind what is in doubt."""
    async with an_inbox(database, settings) as (inbox, term):
        for number, chat in ((1, 7), (2, 7), (3, 7), (4, 8), (-9, 8)):
            await inbox.store(Received(number, chat, "message", b"{}", trio.current_time()))
        await inbox.begin(Attempt(1, term, 1))

        async def first(number: int) -> int | None:
            found = await waits(database, settings.bot_id, number)
            assert found is not None
            return found.blocked_by.update_id

        assert [await first(number) for number in (1, 2, 3, 4, -9)] == [None, 1, 1, -9, None]
        await database.fetch("UPDATE inbox SET state = 'in_doubt' WHERE update_id = 4")
        assert [await first(number) for number in (4, -9)] == [None, 4]
    assert await waits(database, settings.bot_id, 99) is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("7", Asked(7)),
        ("#7", Asked(7)),
        (" update 7 ", Asked(7, "update")),
        ("Job: 7", Asked(7, "job")),
        ("chat -1001234567890", Asked(GROUP, "chat")),
        ("person 7", Asked(7, "chat")),
        ("users 7", Asked(7, "chat")),
        ("-7", Asked(-7)),
    ],
)
def test_what_is_asked_for(text: str, asked: Asked) -> None:
    """A number, and perhaps what it is to be."""
    assert asked_for(text) == asked


@pytest.mark.parametrize("text", ["", "anna", "7 8", "update", "9223372036854775808", "7.5", "job7x", "'; DROP"])
def test_what_cannot_be_asked_for(text: str) -> None:
    """Anything else is told to be no number, in one line."""
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        asked_for(text)


async def test_a_search(database: Database, settings: Settings) -> None:
    """A number is whatever it may be: an update, a chat with what is in all three tables, a person, a job."""
    bot = settings.bot_id
    async with an_inbox(database, settings) as (inbox, term):
        for number, chat in ((5, 1), (6, 5), (7, 5), (8, 5), (9, GROUP)):
            await inbox.store(Received(number, chat, "message", b"{}", trio.current_time()))
        await attempt(inbox, term, 6, Done())
        await attempt(inbox, term, 7, Dead("no luck"))
        await inbox.store(Received(-5, 5, "job", b"{}", trio.current_time()))
    for job, chat, user in ((5, 1, 1), (50, 5, 5), (51, GROUP, 5), (52, GROUP, 1)):
        await database.fetch(JOB, bot, job, chat, user, "wanted")

    async def found(text: str) -> tuple[str, list[int], list[int]]:
        answer = await search(database, bot, asked_for(text))
        return answer.text, sorted(row.update_id for row in answer.updates), sorted(job.job_id for job in answer.jobs)

    assert await found("5") == ("update 5, chat 5, person 5, job 5", [-5, 5, 6, 7, 8], [5, 50, 51])
    assert await found("update 5") == ("update 5", [5], [])
    assert await found("chat 5") == ("chat 5, person 5", [-5, 6, 7, 8], [50, 51])
    assert await found("job 5") == ("job 5", [-5], [5])
    assert await found(str(GROUP)) == (f"chat {GROUP}", [9], [51, 52])
    assert await found("404") == ("nothing is known of 404", [], [])
    states = {row.update_id: row.state for row in (await search(database, bot, asked_for("chat 5"))).updates}
    assert states == {6: "done", 7: "dead", 8: "pending", -5: "pending"}


async def test_what_a_search_costs(database: Database, settings: Settings) -> None:
    """A few rows are read of a hundred thousand of each, whatever is asked for."""
    bot = settings.bot_id
    for first in range(0, MANY, STEP):
        for fill in (FILL, FILL_INBOX, FILL_JOBS):
            await database.fetch(fill, bot, first, STEP, MANY)
    await database.fetch(DEAD.replace("n, n, 'message'", "n, n % 1000, 'message'"), bot, 10_000)
    for table in ("processed_updates", "inbox", "dead_updates", "jobs"):
        await database.fetch(f"ANALYZE {table}")
    most = search_module.MOST
    assert await rows_read(database, search_module.BY_ID, bot, 7, most) <= 6
    assert await rows_read(database, search_module.BY_CHAT, bot, 7, most) <= 4 * most
    assert await rows_read(database, search_module.JOBS_BY_CHAT, bot, 7, most) <= 2 * most
    assert await rows_read(database, search_module.JOBS_BY_USER, bot, 7, most) <= 2 * 10_000
    assert await rows_read(database, BLOCKED, bot, 2 * MANY) <= 20
    which = (None, None, None)
    assert await rows_read(database, dead_module.DEAD, bot, 1000, *which) <= 2 * 1000


async def test_dead_ones_that_fit(database: Database, settings: Settings) -> None:
    """By what their reason contains and by their age, the latest first; how many fit of how many."""
    await database.fetch(DEAD, settings.bot_id, 20)  # each an hour older than the one before, every fifth without luck

    async def fitting(**which: Any) -> tuple[list[int], int, int]:
        chosen: dict[str, Any] = {"reason": None, "older_than": None, "younger_than": None} | which
        found = await dead_updates(database, settings.bot_id, **chosen)
        return sorted(row["update_id"] for row in found.rows), found.fitting, found.looked_at

    assert await fitting(reason="NO LUCK") == ([5, 10, 15, 20], 4, 20)
    assert await fitting(reason="no luck", older_than=12 * 3600) == ([15, 20], 2, 20)
    assert await fitting(younger_than=2.5 * 3600) == ([1, 2], 2, 20)
    assert await fitting(reason="%") == ([], 0, 20)


async def test_what_is_paused(database: Database, settings: Settings) -> None:
    """What operators have paused, and that Telegram does not know the bot; both, where both hold."""
    bot = settings.bot_id
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.note_pause(term, "401 Unauthorized", None)
        (own,) = await pauses(database, bot)
        assert (own.scope, own.reason, own.by) == ("bot", "401 Unauthorized", "")
        for scope, name, reason, by in (("sending", "", "a raid", "Anna"), ("model", "m", "; x", "Bo")):
            await database.fetch("INSERT INTO pauses VALUES ($1, $2, $3, $4, $5)", bot, scope, name, reason, by)
        await inbox.note_pause(term, "Anna: a raid", "Anna")
        assert [each.scope for each in await pauses(database, bot)] == ["sending", "model"]
        await inbox.note_pause(term, "Anna: a raid; 401 Unauthorized", "Anna")
        assert [(each.scope, each.reason) for each in await pauses(database, bot)] == [
            ("bot", "401 Unauthorized"),
            ("sending", "a raid"),
            ("model", "; x"),
        ]
        # Resumed, and the leader has not noted it yet.
        await database.fetch("DELETE FROM pauses WHERE bot_id = $1", bot)
        assert await pauses(database, bot) == []


async def test_the_overview(database: Database, settings: Settings) -> None:
    """One look tells what waits, what all instances have counted, what Telegram says, and how the database is."""
    bot = settings.bot_id
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(1))
        await inbox.store(received(2))
        await attempt(inbox, term, 1, Dead("no luck"))
    await database.fetch(JOB, bot, 1, 1, 1, "wanted")
    await database.fetch(JOB, bot, 2, 1, 1, "failed")
    for instance in ("one", "two"):
        figures = {"seconds": 10, "counts": {"accepted": 3}, "ack": {"le": [0.01, 0.1], "n": [3, 0, 0]}}
        told = {"telegram": {"pending": 5, "last_error": "502", "last_error_at": 0}} if instance == "one" else {}
        await write_figures(database, bot, instance, figures | told)
    seen = overview(await look(database, bot), await slow_facts(database, bot), served_by="one", bot="@a_bot")
    assert (seen.inbox.count, seen.dead.count, seen.dead_reasons[0].reason) == (1, 1, "no luck")
    assert (seen.lead.instance, seen.lead.last_instance, seen.problem) == (None, "one", None)
    assert seen.traffic.counts == {"accepted": 6}
    assert seen.traffic.ack_p99 is not None
    assert seen.traffic.ack_p99 <= 10
    assert seen.jobs == [JobsView("kie", "failed", 1), JobsView("kie", "wanted", 1)]
    assert (seen.telegram.pending, seen.telegram.last_error) == (5, "502")
    assert seen.telegram.last_error_at == "1970-01-01T00:00:00+00:00"
    assert seen.database.tables["inbox"] > 0
    assert (seen.database.sessions or 0) <= (seen.database.max_sessions or 0)


def test_traffic_is_summed() -> None:
    """Over slots, by name, and latencies over all of them; of nothing there are none."""
    slot = Slot(ASKED_AT, 10.0, counts={"done": 2}, answers={"ok": 1}, flood_pauses=1, flood_seconds=3.0, ack={0.1: 4})
    told = traffic([slot, replace(slot, ack={0.1: 0, 0.2: 4})])
    assert (told.seconds, told.counts, told.answers) == (20.0, {"done": 4}, {"ok": 2})
    assert (told.flood_pauses, told.flood_seconds, told.ack_p50, told.menu_p50) == (2, 6.0, 100.0, None)


async def test_who_led(database: Database, settings: Settings) -> None:
    """Of the window, and of the term that had begun before it; what other states did is not asked for."""
    bot = settings.bot_id
    for hours, source, target in [
        (9, "PASSIVE", "ACTIVE"),
        (8, "ACTIVE", "DRAINING"),
        (7, "PASSIVE", "ACTIVE"),
        (6, "BOOT", "PASSIVE"),
        (1, "ACTIVE", "PASSIVE"),
        (0, "BOOT", "PASSIVE"),
    ]:
        await database.fetch(
            "INSERT INTO state_transitions (bot_id, instance_id, from_state, to_state, trigger, reason, at, held) "
            "VALUES ($1, 'one', $2, $3, 't', 'r', now() - make_interval(hours => $4), 1)",
            bot,
            source,
            target,
            hours,
        )
    rows = await leading_transitions(database, bot, 5 * 3600)
    assert [(row["from_state"], row["to_state"]) for row in rows] == [
        ("ACTIVE", "DRAINING"),
        ("PASSIVE", "ACTIVE"),
        ("ACTIVE", "PASSIVE"),
    ]
    assert await rows_read(database, LEADING, bot, 5 * 3600.0, 2000) <= 20
