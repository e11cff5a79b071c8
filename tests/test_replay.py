"""`svc updates replay` and `svc updates reasons` over a real Postgres: which, how, what is left if stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from svc.actions import dead_letters, dead_sql
from svc.actions.dead_letters import REPLAY, Selection, Tally
from svc.operations import inspect
from svc.operations.dead_command import settle_ids, settle_selection
from svc.settings.environment import Settings
from svc.storage.database import Connection, Database, DatabaseUnavailable, asyncio_loop, column, open_database
from svc.storage.inbox import Dead, Done
from svc.storage.keys import NEW_WORK_CHANNEL
from tests.operators import ANNA, DEAD, an_inbox, attempt, received, rows_read, settings_on

ALL = Selection()
HOUR = 3600.0
HALF_WAY = "half-way"
MANY = 20_000


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    return settings_on(database_url)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten."""
    monkeypatch.setattr(dead_letters, "BATCH", 10)


async def ids(database: Database, table: str) -> list[int]:
    return column(await database.fetch(f"SELECT update_id FROM {table} ORDER BY update_id"), "update_id")


async def run_replay(
    database: Database,
    settings: Settings,
    selection: Selection = ALL,
    *,
    dry_run: bool = False,
    tell: Callable[[], None] = lambda: None,
) -> Tally:
    """Replay; returns what was counted."""
    tally = Tally()
    await REPLAY.by_selection(database, settings.bot_id, ANNA, selection, dry_run=dry_run, tally=tally, tell=tell)
    return tally


async def test_a_dead_update_is_listed_shown_and_replayed(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dead with reason and payload; replayed by its id it is pending again, with its history, and may be processed."""
    async with an_inbox(database, settings) as (inbox, term):
        await inbox.store(received(5))
        await attempt(inbox, term, 5, Dead("RuntimeError: no luck"))
        assert await inspect.list_updates(settings, state="dead", as_json=False, limit=10)
        assert "RuntimeError: no luck" in capsys.readouterr().out
        assert await settle_ids(settings, REPLAY, ANNA, update_ids=[5], as_json=False, dry_run=True)
        assert await settle_ids(settings, REPLAY, ANNA, update_ids=[5], as_json=False)
        assert not await settle_ids(settings, REPLAY, ANNA, update_ids=[5, 6], as_json=False)
        said = "5 would be replayed\n5 replayed\n5 is not dead\n6 is not dead\n"
        assert capsys.readouterr().out == said
        (head,) = await inbox.fetch([5])
        assert head.payload == b'{"text":"/start"}'
        await attempt(inbox, term, 5, Done())
    assert await inspect.show_update(settings, update_id=5, as_json=True)
    history = json.loads(capsys.readouterr().out)["history"]
    assert [entry["event"] for entry in history] == ["dead", "replay", "done"]


@pytest.mark.parametrize(
    ("selection", "replayed"),
    [
        (ALL, range(1, 11)),
        (Selection(reason="unAUTHorized"), [1, 2, 3, 4, 6, 7, 8, 9]),
        (Selection(reason="luck"), [5, 10]),
        (Selection(older_than=7.5 * HOUR), [8, 9, 10]),
        (Selection(younger_than=2.5 * HOUR), [1, 2]),
        (Selection("luck", older_than=7.5 * HOUR), [10]),
        (Selection("401", older_than=2.5 * HOUR, younger_than=4.5 * HOUR), [3, 4]),
        (Selection("%"), []),
    ],
)
async def test_what_fits_all_that_is_given_is_replayed(
    database: Database, settings: Settings, selection: Selection, replayed: list[int]
) -> None:
    """By a part of the reason and by the time since it came, together; of this bot only. A dry run finds the same."""
    await database.fetch(DEAD, settings.bot_id, 10)
    await database.fetch(DEAD, settings.bot_id + 1, 1)
    found = await run_replay(database, settings, selection, dry_run=True)
    assert (await ids(database, "inbox"), len(await ids(database, "dead_updates"))) == ([], 11)
    tally = await run_replay(database, settings, selection)
    assert await ids(database, "inbox") == list(replayed)
    assert found == tally
    assert (tally.looked_at, tally.chosen.total()) == (10, len(replayed))


async def test_a_replayed_update_is_young_again(database: Database, settings: Settings) -> None:
    """After two days in the dead letters one more 429 must not kill it: age and attempts begin anew.

    That it may have been sent before is remembered, and when it came.
    """
    await database.fetch(DEAD, settings.bot_id, 48)
    await run_replay(database, settings, Selection(older_than=47.5 * HOUR))
    ((attempts, doubts, blamed, age, waited, state),) = await database.fetch(
        """SELECT attempts, doubts, blamed, now() - aged_from < interval '1 minute',
                  now() - received_at > interval '1 day', state FROM inbox"""
    )
    assert (attempts, doubts, blamed, age, waited, state) == (0, 1, 0, True, True, "pending")


async def test_a_long_history_stays_bounded(database: Database, settings: Settings) -> None:
    """Through any number of replays: its first entry and the latest are kept."""
    await database.fetch(DEAD, settings.bot_id, 1)
    await database.fetch(
        "UPDATE dead_updates SET history = (SELECT jsonb_agg(jsonb_build_object('n', n)) FROM generate_series(1, 60) n)"
    )
    await run_replay(database, settings)
    ((history,),) = await database.fetch("SELECT history FROM inbox")
    entries = json.loads(history)
    assert len(entries) == 40
    assert (entries[0], entries[-2], entries[-1]["event"]) == ({"n": 1}, {"n": 60}, "replay")


@pytest.mark.usefixtures("small_batches")
async def test_it_can_be_stopped_between_batches(database: Database, settings: Settings) -> None:
    """Every update is either dead or in the inbox, and the next try goes on with the rest."""
    await database.fetch(DEAD, settings.bot_id, 25)

    def stop() -> None:
        raise KeyError(HALF_WAY)

    with pytest.raises(KeyError, match=HALF_WAY):
        await run_replay(database, settings, tell=stop)
    assert await ids(database, "inbox") == list(range(1, 11))
    assert await ids(database, "dead_updates") == list(range(11, 26))
    told: list[int] = []
    tally = await run_replay(database, settings, tell=lambda: told.append(len(told)))
    assert (len(told), tally.looked_at, await ids(database, "dead_updates")) == (2, 15, [])


async def test_a_batch_is_bounded_in_bytes_too(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand of the longest payloads would be too much for one statement; one goes in any case."""
    monkeypatch.setattr(dead_letters, "BATCH_BYTES", 1)
    await database.fetch(DEAD, settings.bot_id, 3)
    told: list[int] = []
    await run_replay(database, settings, tell=lambda: told.append(len(told)))
    assert (len(told), await ids(database, "inbox")) == (3, [1, 2, 3])


@pytest.mark.usefixtures("small_batches")
async def test_a_batch_that_fails_is_said_and_the_command_goes_on_later(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody has locked a row of the second batch: how far it came is said, and nothing is lost."""
    await database.fetch(DEAD, settings.bot_id, 25)
    how: dict[str, Any] = {"selection": ALL, "as_json": False, "dry_run": False}

    async def lock(connection: Connection) -> None:
        await connection.execute("BEGIN; SELECT FROM dead_updates WHERE update_id = 15 FOR UPDATE")

    async with open_database(settings.database_url) as other:
        await other.on_connection(lock)
        with pytest.raises(DatabaseUnavailable):
            await settle_selection(settings, REPLAY, ANNA, **how)
    assert capsys.readouterr().err == (
        "svc: stopped: 10 of 10 dead updates so far; the same command goes on with the rest\n"
    )
    assert await settle_selection(settings, REPLAY, ANNA, **how)
    assert capsys.readouterr().out.startswith("15 of 15 dead updates replayed\n")
    assert await ids(database, "inbox") == list(range(1, 26))


@pytest.mark.usefixtures("small_batches")
async def test_the_leader_is_told_once(database: Database, settings: Settings) -> None:
    """At the end and not for every batch; not at all by a dry run, or if nothing was dead."""
    await database.fetch(DEAD, settings.bot_id, 25)
    heard: list[str] = []

    async def listen(connection: Connection) -> None:
        await connection.add_listener(NEW_WORK_CHANNEL, lambda *said: heard.append(said[-1]))

    async with open_database(settings.database_url) as leader:
        await leader.on_connection(listen)
        await run_replay(database, settings, dry_run=True)
        await run_replay(database, settings)
        await run_replay(database, settings)
        await settle_ids(settings, REPLAY, ANNA, update_ids=[1, 2], as_json=False)
        await leader.fetch("SELECT 1")
    assert heard == [str(settings.bot_id)]


async def test_an_update_that_waits_already_stays(database: Database, settings: Settings) -> None:
    """Long after its death Telegram's resend was stored again: it is not there twice, and the others are replayed."""
    await database.fetch(DEAD, settings.bot_id, 3)
    async with an_inbox(database, settings) as (inbox, _):
        await inbox.store(received(2))
    await run_replay(database, settings)
    assert (await ids(database, "inbox"), await ids(database, "dead_updates")) == ([1, 2, 3], [])


async def test_reasons(database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """After an outage one sees why updates are dead without reading them one by one."""
    assert await inspect.list_reasons(settings, as_json=False, limit=10)
    assert capsys.readouterr().out == "no update is dead\n"
    await database.fetch(DEAD, settings.bot_id, 200)
    assert await inspect.list_reasons(settings, as_json=False, limit=10)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("160 dead: 401 Unauthorized (")
    assert second.startswith("40 dead: RuntimeError: no luck (")
    assert await inspect.list_reasons(settings, as_json=True, limit=1)
    ((row),) = json.loads(capsys.readouterr().out)
    assert (row["reason"], row["updates"]) == ("401 Unauthorized", 160)


async def test_what_a_replay_prints(database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """How many of how many and why they were dead; the same as JSON."""
    await database.fetch(DEAD, settings.bot_id, 10)
    how: dict[str, Any] = {"selection": Selection("401"), "dry_run": True}
    assert await settle_selection(settings, REPLAY, ANNA, as_json=False, **how)
    assert capsys.readouterr().out == "8 of 10 dead updates would be replayed\n  8 dead: 401 Unauthorized\n"
    reasons = [{"reason": "401 Unauthorized", "updates": 8}]
    assert await settle_selection(settings, REPLAY, ANNA, as_json=True, **how)
    assert json.loads(capsys.readouterr().out) == {"dead": 10, "would_replay": 8, "reasons": reasons}
    assert await settle_selection(settings, REPLAY, ANNA, as_json=True, **(how | {"dry_run": False}))
    assert json.loads(capsys.readouterr().out) == {"dead": 10, "replayed": 8, "reasons": reasons}


async def test_a_batch_reads_its_own_rows(database_url: str, settings: Settings) -> None:
    """However many updates are dead or processed."""
    bot = settings.bot_id
    async with asyncio_loop(), open_database(database_url) as database:
        await database.fetch(DEAD, bot, MANY)
        await database.fetch(
            """INSERT INTO processed_updates (bot_id, update_id, worker_instance_id, update_type, received_at, outcome,
                                              chat_id, received_by)
               SELECT bot_id, update_id, 'one', update_type, received_at, 'dead', chat_id, 'one' FROM dead_updates"""
        )
        await database.fetch("ANALYZE")
        batch = (bot, 0, 100, 10**6, None, None, None)
        assert await rows_read(database, dead_sql.FIND, *batch) == 100
        # The batch, its rows in both tables.
        assert await rows_read(database, dead_sql.REPLAY, *batch) <= 300
        assert await rows_read(database, dead_sql.REPLAY_IDS, bot, list(range(1000, 1100))) <= 300
