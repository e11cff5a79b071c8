"""`svc updates list` with filters and `svc updates discard`, over a real Postgres."""

from __future__ import annotations

import io
import json
from typing import Any, get_args

import pytest

from svc.actions.dead_letters import DISCARD, Selection
from svc.actions.record import latest_actions
from svc.operations import inspect
from svc.operations.dead_command import settle_ids, settle_selection
from svc.reports import updates as reports
from svc.reports.updates import Filters, list_updates
from svc.settings.environment import Settings
from svc.storage.database import Database, asyncio_loop, column, open_database
from tests.operators import ANNA, DEAD, PROCESSED, WAITING, fill, rows_read, settings_on

MANY = 20_000
HOUR = 3600.0
GROUP = -1001234567890
SENT = '{"update_id":%d,"message":{"from":{"id":%d,"is_bot":false},"text":"\\u0000 \\ud800"}}'


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings whose database is the test's."""
    return settings_on(database_url)


async def a_group(database: Database, bot_id: int, table: str = "inbox") -> None:
    """Updates 11 to 13 of a group, of persons 1 to 3; 12 is a press of a button."""
    for person in (1, 2, 3):
        await database.fetch(
            f"UPDATE {table} SET chat_id = $3, payload = convert_to($4, 'UTF8'), update_type = $5"
            " WHERE bot_id = $1 AND update_id = $2",
            bot_id,
            10 + person,
            GROUP,
            SENT % (10 + person, person),
            "callback_query" if person == 2 else "message",
        )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), range(1, 14)),
        (Filters(chat=7), [7]),
        (Filters(chat=GROUP), [11, 12, 13]),
        (Filters(person=2), [2, 12]),
        (Filters(person=2, chat=GROUP), [12]),
        (Filters(person=12), []),
        (Filters(kind="callback_query"), [12]),
        (Filters(kind="callback_query", person=3), []),
        (Filters(older_than=10.5), [11, 12, 13]),
        (Filters(younger_than=3.5), [1, 2, 3]),
        (Filters(older_than=1.5, younger_than=3.5), [2, 3]),
    ],
)
async def test_what_fits_all_filters_is_listed(
    database: Database, settings: Settings, filters: Filters, found: list[int]
) -> None:
    """In the inbox, the oldest first. A person is known by the private chat and by what they have sent elsewhere."""
    await database.fetch(WAITING, settings.bot_id, 13)
    await a_group(database, settings.bot_id)
    rows = await list_updates(database, settings.bot_id, "pending", 100, filters)
    assert [row["update_id"] for row in rows] == list(found)


async def test_dead_ones_and_done_ones_have_filters_too(database: Database, settings: Settings) -> None:
    """The latest first; of those that are done only a person's private chat is known."""
    await database.fetch(DEAD, settings.bot_id, 13)
    await a_group(database, settings.bot_id, "dead_updates")
    await database.fetch(PROCESSED, settings.bot_id, 13)

    async def listed(state: reports.UpdateState, **how: Any) -> list[int]:
        rows = await list_updates(database, settings.bot_id, state, 100, Filters(**how))
        return [row["update_id"] for row in rows]

    assert sorted(await listed("dead", person=2)) == [2, 12]
    assert await listed("dead", chat=GROUP, older_than=11.5 * HOUR) == [13, 12]
    assert await listed("done", person=2) == await listed("done", chat=2) == [-2]
    assert await listed("done", person=2, chat=3) == []


async def test_filters_look_at_a_bounded_number(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And where there are more, that is said: nobody takes what was not looked at for what is not there."""
    monkeypatch.setattr(reports, "LOOKED_AT", 10)
    await database.fetch(DEAD, settings.bot_id, 13)
    how: dict[str, Any] = {"state": "dead", "as_json": False, "limit": 5}
    assert await inspect.list_updates(settings, **how, filters=Filters(kind="poll"))
    said = capsys.readouterr()
    assert said.out == "no update that is dead fits\n"
    assert said.err == "svc: only the 10 latest dead updates were looked at\n"
    assert await inspect.list_updates(settings, **how, filters=Filters(chat=3))
    assert capsys.readouterr().err == ""


async def test_a_filter_reads_a_chats_own_rows(settings: Settings) -> None:
    """However much waits, is dead or has been done: by an index of the chat, or as many rows as are looked at."""
    bot = settings.bot_id
    async with asyncio_loop(), open_database(settings.database_url) as database:
        await fill(database, bot, MANY)
        for state in get_args(reports.UpdateState):
            of_chat = reports.list_sql(state, of_chat=True)
            assert await rows_read(database, of_chat, bot, 10, 7000, None, "message", None, None, 1000) <= 3
            scan = reports.list_sql(state)
            assert await rows_read(database, scan, bot, 10, None, None, "poll", 1.0, None, 1000) <= 1020


# Discarding


async def test_discarded_updates_are_gone_and_that_is_known(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """By ids or by filters; a dry run changes nothing; who did it is on record."""
    await database.fetch(DEAD, settings.bot_id, 10)
    how: dict[str, Any] = {"as_json": False}
    assert await settle_ids(settings, DISCARD, ANNA, update_ids=[3], dry_run=True, agreed=False, **how)
    assert await settle_ids(settings, DISCARD, ANNA, update_ids=[3], **how)
    assert not await settle_ids(settings, DISCARD, ANNA, update_ids=[3, 4], **how)
    selection = Selection("luck")
    assert await settle_selection(settings, DISCARD, ANNA, selection=selection, dry_run=True, agreed=False, **how)
    assert await settle_selection(settings, DISCARD, ANNA, selection=selection, dry_run=False, as_json=True)
    assert capsys.readouterr().out.splitlines() == [
        "3 would be discarded",
        "3 discarded",
        "3 is not dead",
        "4 discarded",
        "2 of 8 dead updates would be discarded",
        "  2 dead: RuntimeError: no luck",
        '{"dead": 8, "discarded": 2, "reasons": [{"reason": "RuntimeError: no luck", "updates": 2}]}',
    ]
    left = await database.fetch("SELECT update_id FROM dead_updates ORDER BY update_id")
    assert column(left, "update_id") == [1, 2, 6, 7, 8, 9]
    actions = await latest_actions(database, settings.bot_id, 10)
    assert {(row["operator"], row["via"], row["action"]) for row in actions} == {("anna@host", "command", "discard")}
    assert await inspect.list_actions(settings, as_json=False, limit=10)
    assert "anna@host (command): discard" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "discarded"), [("yes\n", True), ("y\n", False), ("", False)])
async def test_nothing_is_discarded_without_a_yes(
    database: Database,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    discarded: bool,
) -> None:
    """Whoever is asked is told of how many and what that means for people."""
    await database.fetch(DEAD, settings.bot_id, 10)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    how: dict[str, Any] = {"as_json": True, "agreed": False, "dry_run": False}
    assert await settle_selection(settings, DISCARD, ANNA, selection=Selection("luck"), **how) is discarded
    said = capsys.readouterr()
    assert "2 dead updates are about to be discarded. Whoever wrote them will get no answer" in said.err
    ((left,),) = await database.fetch("SELECT count(*) FROM dead_updates")
    assert left == (8 if discarded else 10)
    if discarded:
        assert json.loads(said.out)["discarded"] == 2
    else:
        assert said.out == ""
        assert said.err.endswith("svc: nothing was discarded\n")
