"""`svc status` over a real Postgres: what it tells first, what it counts, and what that costs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import trio

from sandbox.app import Sandbox
from sandbox.state import WebhookSettings
from sandbox.telegram import DEMO_TOKEN
from svc.operations import inspect
from svc.operations.printing.document import plain_text
from svc.operations.texts.status import status_document
from svc.reports import status as status_module
from svc.reports.status import status
from svc.settings.environment import Settings
from svc.storage.database import Connection, Database, asyncio_loop, open_database
from svc.storage.inbox import Attempt, Dead
from svc.storage.instances import Heartbeat
from svc.storage.keys import lock_key
from svc.storage.postgres_instances import PostgresInstances
from tests.operators import DEAD, WAITING, an_inbox, attempt, received, rows_read, settings_on

NO_WEBHOOK: dict[str, Any] = {"url": ""}
MANY = 20_000


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    return settings_on(database_url)


async def ask(database: Database, settings: Settings, **how: Any) -> dict[str, Any]:
    return await status(database, settings.bot_id, lock_key(settings.bot_id), **how)


def text_of(found: dict[str, Any]) -> str:
    """What is told of it in a pipe, with nothing paused, no jobs and no webhook."""
    return plain_text(status_document({"pauses": [], "jobs": [], **found, "webhook": NO_WEBHOOK}))


async def test_status(database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody holds the lock: none is ACTIVE, and who was last; what waits, what is in doubt, what is dead."""
    async with an_inbox(database, settings) as (inbox, term):
        for update_id in (1, 2, 3):
            await inbox.store(received(update_id))
        await attempt(inbox, term, 1, Dead("x"))
        await inbox.begin(Attempt(2, term, 1))
        await inbox.take_over(uuid4(), "two")
        assert await inspect.show_status(settings, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["active"], found["last_active"], found["epoch"]) == (None, "two", 2)
    assert (found["inbox"], found["in_doubt"], found["dead"]) == (2, 1, 1)
    assert (found["inbox_exact"], found["dead_exact"], found["paused"]) == (True, True, None)
    assert found["oldest_seconds"] >= 0
    assert "ConnectError" in found["webhook"]["unknown"]


async def test_what_an_ended_term_has_begun_is_in_doubt(database: Database, settings: Settings) -> None:
    """By its epoch, though its row says processing; and so is what an older version has marked."""
    async with an_inbox(database, settings) as (inbox, _):
        await inbox.take_over(uuid4(), "two")
    await database.fetch(WAITING, settings.bot_id, 4)
    for update_id, state, epoch in ((1, "processing", 1), (2, "processing", 2), (3, "in_doubt", 1)):
        await database.fetch("UPDATE inbox SET state = $2, epoch = $3 WHERE update_id = $1", update_id, state, epoch)
    found = await ask(database, settings)
    assert (found["inbox"], found["in_doubt"], found["looked_for"]) == (4, 2, 0)
    assert "in doubt  2\n" in text_of(found)


async def test_what_is_looked_for_is_told_apart(database: Database, settings: Settings) -> None:
    """Of what is in doubt, how many are looked for; the policy decides about the others."""
    async with an_inbox(database, settings) as (inbox, _):
        await inbox.take_over(uuid4(), "two")
    await database.fetch(WAITING, settings.bot_id, 4)
    await database.fetch("UPDATE inbox SET state = 'in_doubt', epoch = 1 WHERE update_id < 4")
    await database.fetch("UPDATE inbox SET watermark = 100, repeatable = update_id = 2 WHERE update_id > 1")
    found = await ask(database, settings)
    assert (found["in_doubt"], found["looked_for"]) == (3, 1)
    assert "in doubt  3, of which 1 are looked for\n" in text_of(found)


async def test_a_lock_in_another_database_of_the_server_is_not_this_bots(
    database: Database, settings: Settings, empty_database_url: str
) -> None:
    """A staging database beside the live one, with the same bot: nobody is ACTIVE here because somebody is there."""
    async with an_inbox(database, settings):
        pass
    async with open_database(empty_database_url) as other:
        await other.fetch("SELECT pg_advisory_lock($1)", lock_key(settings.bot_id))
        assert (await ask(database, settings))["active"] is None
    await database.fetch("SELECT pg_advisory_lock($1)", lock_key(settings.bot_id))
    assert (await ask(database, settings))["active"] == "one"


async def test_a_pause_comes_first(database: Database, settings: Settings) -> None:
    """Whoever asks while nothing is sent sees that before anything else, with why and since when."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.note_pause(term, "getMe: 401 Unauthorized")
    found = await ask(database, settings)
    assert found["paused"]["reason"] == "getMe: 401 Unauthorized"
    assert found["paused"]["seconds"] >= 0
    first, second = text_of(found).splitlines()[:2]
    assert first.startswith(f"PAUSED    nothing is sent since {found['paused']['since']}")
    assert first.endswith(": getMe: 401 Unauthorized")
    assert second.startswith("ACTIVE")


async def test_every_instance_that_lives_is_told(database: Database, settings: Settings) -> None:
    """PASSIVE ones too: since when, what each can reach and why not, and when it was last heard of."""
    for name, heartbeat in (
        ("one", Heartbeat("ACTIVE", 90.0, (3, 4), reaches=False, reach_error="InDoubt: no answer", reach_for=2.0)),
        ("two", Heartbeat("PASSIVE", 30.0, reaches=True, reach_for=4.0)),
        ("three", Heartbeat("PASSIVE", 1.0)),
        ("gone", Heartbeat("PASSIVE", 1.0)),
    ):
        await PostgresInstances(database, settings.bot_id, name).beat(heartbeat)
    await PostgresInstances(database, settings.bot_id + 1, "another bot's").beat(Heartbeat("ACTIVE", 1.0))
    await database.fetch("UPDATE instances SET seen_at = now() - interval '2 minutes' WHERE instance_id = 'gone'")
    found = await ask(database, settings)
    one, two, three = found["instances"]
    assert (one["instance"], one["state"], one["epochs"], one["reaches"]) == ("one", "ACTIVE", [3, 4], False)
    assert one["state_seconds"] >= 90
    assert (two["instance"], two["reaches"], two["reach_error"]) == ("two", True, None)
    assert (three["instance"], three["reaches"], three["reach_seconds"]) == ("three", None, None)
    json.dumps(found)
    lines = text_of(found).splitlines()[2:5]
    assert lines[0].startswith(f"instances one ACTIVE since {one['since']} (1 min ")
    assert re.search(r"\), heard of .* ago, does not reach Telegram \(.* ago\): InDoubt: no answer$", lines[0])
    assert lines[1].startswith("          two PASSIVE since")
    assert re.search(r" reaches Telegram \(.* s ago\)$", lines[1])
    assert "does not know yet whether it reaches Telegram" in lines[2]


async def test_without_instances_that_is_said(database: Database, settings: Settings) -> None:
    """Nobody lives, or that is not known: two different things."""
    found = await ask(database, settings)
    assert "instances none" in text_of(found).splitlines()
    text = text_of({**found, "instances": None})
    assert "instances not known: no answer in time" in text.splitlines()


async def test_why_updates_are_dead_is_seen_at_a_glance(database: Database, settings: Settings) -> None:
    """The most frequent reason first, each with its number."""
    await database.fetch(DEAD, settings.bot_id, 10)
    text = text_of(await ask(database, settings))
    assert "dead      10: 401 Unauthorized (8); RuntimeError: no luck (2) (all: svc updates reasons)" in text


async def test_beyond_a_bound_the_count_is_an_estimate(database: Database, settings: Settings) -> None:
    """Said to be one, by bot, and not below the bound; the oldest is told all the same."""
    await database.fetch(WAITING, settings.bot_id, 3000)
    await database.fetch(WAITING, settings.bot_id + 1, 2000)
    await database.fetch(DEAD, settings.bot_id, 1100)
    await database.fetch("ANALYZE")
    found = await ask(database, settings, counted=1000)
    assert (found["inbox"], found["inbox_exact"]) == (3000, False)
    assert (found["dead"], found["dead_exact"]) == (1100, False)
    assert found["oldest_seconds"] >= 1000
    text = text_of(found)
    assert "inbox     about 3000 waiting, the oldest for" in text
    assert "dead      about 1100" in text
    exact = await ask(database, settings, counted=3000)
    assert (exact["inbox"], exact["inbox_exact"]) == (3000, True)


async def test_its_cost_does_not_grow_with_what_waits(database_url: str, settings: Settings) -> None:
    """As many rows are read as are counted, however many there are."""
    bot = settings.bot_id
    async with asyncio_loop(), open_database(database_url) as database:
        await database.fetch(WAITING, bot, MANY)
        await database.fetch(DEAD, bot, MANY)
        await database.fetch("UPDATE inbox SET state = 'processing', epoch = 1 WHERE update_id % 1000 = 0")
        await database.fetch("ANALYZE")
        assert await rows_read(database, status_module.WAITING, bot, 1000) == 1001
        assert await rows_read(database, status_module.DEAD, bot, 1000) == 1001
        assert await rows_read(database, status_module.IN_DOUBT, bot) <= MANY // 1000 + 1


async def test_what_is_not_found_in_time_keeps_nothing_else_back(database: Database, settings: Settings) -> None:
    """Somebody has locked the inbox: who is ACTIVE, a pause and what is dead are told, and the rest is not known."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.note_pause(term, "401")
    await database.fetch(DEAD, settings.bot_id, 10)

    async def lock(connection: Connection) -> None:
        await connection.execute("BEGIN; LOCK TABLE inbox")

    async with open_database(settings.database_url) as other:
        await other.on_connection(lock)
        found = await ask(database, settings)
    assert (found["inbox"], found["in_doubt"], found["oldest_seconds"]) == (None, None, None)
    assert (found["last_active"], found["paused"]["reason"], found["dead"]) == ("one", "401", 10)
    text = text_of(found)
    assert "inbox     not known: no answer in time\nin doubt  not known" in text


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


async def test_a_database_without_tables_is_said(empty_database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names the command, and exit 1."""
    async with asyncio_loop():
        assert not await inspect.show_status(settings_on(empty_database_url), as_json=False)
    said = capsys.readouterr()
    assert "run svc migrate" in said.err
    assert said.out == ""
