"""KEEP_PAYLOADS: what was answered is kept with the state by which it was decided, and forgotten when it is to be."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from svc.delivery.retention import HOUR
from svc.observability.metrics import Metrics
from svc.operations.run import real_parts
from svc.storage.database import Database
from svc.storage.inbox import Attempt, BeginOutcome, Dead, Done, Effects, Ending, Retry, StoreOutcome
from svc.storage.old_rows_sql import PRUNE_PAYLOADS, OldRows
from svc.storage.postgres_inbox import PostgresInbox
from tests.harness import settings_for_tests
from tests.inbox_contract.under_test import an_update, new_term, postgres_inbox

BOT = 42
# Of the schema itself.
NOBODYS = {"schema_migrations"}
KEPT = "SELECT update_id, chat_id, payload, state FROM kept_payloads ORDER BY update_id"


@pytest.fixture
async def inbox(database: Database) -> AsyncIterator[PostgresInbox]:
    """One that keeps what was answered."""
    keeping = PostgresInbox(database, BOT, "one", keep_payloads=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeping.run)
        yield keeping
        nursery.cancel_scope.cancel(reason="the test is over")


async def kept(database: Database) -> list[tuple[Any, ...]]:
    return [(*row[:3], None if row[3] is None else json.loads(row[3])) for row in await database.fetch(KEPT)]


async def answer(inbox: PostgresInbox, update_id: int, ending: Ending, *, version: int = 0, state: bytes) -> None:
    """One update from its arrival to its end. It leaves the chat this state."""
    await inbox.store(an_update(update_id, payload=b"%d" % update_id))
    attempt = Attempt(update_id, await new_term(inbox), update_id, effects=Effects(state), state_version=version)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN
    await inbox.settle(attempt, ending)


async def test_with_the_state_before_it(database: Database, inbox: PostgresInbox) -> None:
    """Each update is kept with what its chat's state was when it was decided, not with what it made of it."""
    await answer(inbox, 1, Done(), state=b'{"now": 1}')
    await answer(inbox, 2, Done(), version=1, state=b'{"now": 2}')
    await answer(inbox, 3, Dead("no hope"), version=2, state=b'{"now": 3}')
    await inbox.store(an_update(4, payload=b"4"))
    await inbox.dismiss(4)
    assert await kept(database) == [
        (1, 7, b"1", None),
        (2, 7, b"2", {"now": 1}),
        (3, 7, b"3", {"now": 2}),
        (4, 7, b"4", {"now": 2}),
    ]


async def test_only_what_has_ended_and_was_written_by_a_person(database: Database, inbox: PostgresInbox) -> None:
    """What is tried again later is not kept yet, and the end of a job never."""
    await answer(inbox, 1, Retry(0.0, "flood"), state=b"{}")
    await answer(inbox, -1, Done(), state=b"{}")
    assert await kept(database) == []


async def test_off_nothing_is_kept(database: Database) -> None:
    """Without KEEP_PAYLOADS."""
    async with postgres_inbox(database, BOT) as tested:
        assert isinstance(tested.inbox, PostgresInbox)
        await answer(tested.inbox, 1, Done(), state=b"{}")
        await tested.inbox.store(an_update(2))
        await tested.inbox.dismiss(2)
    assert await kept(database) == []


async def test_also_of_what_could_be_done_with_its_storing(database: Database, inbox: PostgresInbox) -> None:
    """It is stored, so that it is kept when it is dismissed."""
    attempt = Attempt(1, await new_term(inbox), 1, is_nothing=True)
    assert (await inbox.store(an_update(1, payload=b"1"), attempt)).outcome is StoreOutcome.FIRST
    await inbox.dismiss(1)
    assert await kept(database) == [(1, 7, b"1", None)]


async def test_once_more_after_a_replay(database: Database, inbox: PostgresInbox) -> None:
    """A dead update that is replayed is kept as it was decided last."""
    await answer(inbox, 1, Dead("no hope"), state=b"{}")
    await database.fetch("DELETE FROM processed_updates")
    await database.fetch("""INSERT INTO chats (bot_id, chat_id, state, version) VALUES (42, 7, '{"now": 5}', 5)""")
    await answer(inbox, 1, Done(), version=5, state=b"{}")
    assert await kept(database) == [(1, 7, b"1", {"now": 5})]


async def test_forgotten_by_age_and_at_once_when_off(database: Database, inbox: PostgresInbox) -> None:
    """What is older than so many seconds, of this bot only; 0 seconds is all of it."""
    for update_id in range(1, 6):
        await answer(inbox, update_id, Dead("no hope"), state=b"{}")
    await database.fetch("INSERT INTO kept_payloads SELECT 43, 1, 7, '', NULL, now(), now() - interval '9 days'")
    await database.fetch(
        "UPDATE kept_payloads SET decided_at = now() - update_id * interval '1 hour' WHERE bot_id = 42"
    )
    old = OldRows(database, BOT, PRUNE_PAYLOADS)
    assert await old.forget(3.5 * 3600, 1) == 1
    assert await old.forget(3.5 * 3600, 100) == 1
    assert [row[0] for row in await kept(database)] == [1, 1, 2, 3]
    assert await old.forget(0.0, 100) == 3
    assert [row[0] for row in await kept(database)] == [1]


async def test_the_setting(database: Database, inbox: PostgresInbox) -> None:
    """KEEP_PAYLOADS is the hours; with 0 what was kept before goes as soon as this instance leads."""
    for hours in (5.0, 0.0):
        await answer(inbox, 1 + int(hours), Dead("no hope"), state=b"{}")
        parts = real_parts(settings_for_tests(keep_payloads=hours, bot_token=f"{BOT}:secret"), Metrics(), database)
        forget = parts.kept[0]
        assert forget.seconds == hours * HOUR
        await forget.prune(forget.seconds, 100)
        assert len(await kept(database)) == (1 if hours else 0)


async def test_the_page_on_privacy(database: Database) -> None:
    """docs/privacy.md names every table there is, and its statements that forget a person run."""
    text = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text("utf-8")
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert [row[0] for row in tables if f"`{row[0]}`" not in text and row[0] not in NOBODYS] == []
    (statements,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    for statement in statements.split(";\n"):
        await database.fetch(statement)


async def test_a_takeover_rehearses_it(inbox: PostgresInbox) -> None:
    """The statements that keep are among those that a new leader tries first."""
    await inbox.rehearse()
