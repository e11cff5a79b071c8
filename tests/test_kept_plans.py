"""What every update writes is planned once for a session: whatever the tables held then, it reads its own rows."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from uuid import UUID

import pytest

from svc.storage.database import Database
from svc.storage.inbox import Attempt, Dead, Done, Ending, Received, Retry, Term, Unclear
from svc.storage.inbox_sql import KEPT_PLANS
from svc.storage.postgres_inbox import PostgresInbox, Storing
from svc.storage.settlements import Settlement
from tests.conftest import open_database
from tests.test_inbox_plans import BOT, FILL, FILL_CHATS, FILL_PROCESSED, ROWS, Measured

TERM = Term(1, UUID(int=1))
OFTEN = 8
_ids = itertools.count(10 * ROWS)

pytestmark = pytest.mark.postgres


def new(size: int, *, with_attempts: bool) -> list[Storing]:
    """So many new updates: one chat's that has others in the inbox, or of a chat each with an attempt."""
    ids = [next(_ids) for _ in range(size)]
    if not with_attempts:
        return [Storing(Received(number, 7, "message", b"{}", 0.0), None) for number in ids]
    return [
        Storing(Received(number, number, "message", b"{}", 0.0), Attempt(number, TERM, 3, watermark=1))
        for number in ids
    ]


def settled(stored: list[Storing], ending: Ending) -> list[Settlement]:
    return [Settlement(each.attempt, ending, ()) for each in stored if each.attempt is not None]


async def plan(inbox: PostgresInbox) -> None:
    """Run each statement often enough for any plan to be kept."""
    for _ in range(OFTEN):
        await inbox._store_group(new(2, with_attempts=False))
        await inbox._store_group(stored := new(2, with_attempts=True))
        await inbox._settle_group(settled(stored, Done()))


async def empty(database: Database) -> None:
    for table in ("inbox", "processed_updates"):
        await database.fetch(f"DELETE FROM {table}")


async def never_analysed(database: Database, inbox: PostgresInbox) -> None:
    await plan(inbox)


async def analysed_empty(database: Database, inbox: PostgresInbox) -> None:
    await database.fetch("ANALYZE")
    await plan(inbox)


async def analysed_with_a_few(database: Database, inbox: PostgresInbox) -> None:
    await plan(inbox)
    await database.fetch("ANALYZE")
    await plan(inbox)


async def vacuumed_empty(database: Database, inbox: PostgresInbox) -> None:
    await plan(inbox)
    await empty(database)
    await database.fetch("VACUUM ANALYZE")
    await plan(inbox)


async def analysed_full(database: Database, inbox: PostgresInbox) -> None:
    await fill(database)
    await database.fetch("ANALYZE")
    await plan(inbox)


async def fill(database: Database) -> None:
    await empty(database)
    await database.fetch(FILL, ROWS)
    await database.fetch(FILL_PROCESSED)
    await database.fetch(f"{FILL_CHATS} ON CONFLICT DO NOTHING")


Before = Callable[[Database, PostgresInbox], Awaitable[None]]


@pytest.fixture(params=[never_analysed, analysed_empty, analysed_with_a_few, vacuumed_empty, analysed_full])
async def measured(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Measured]:
    """Tables that are full now, on the session whose plans were made before: one after the other, all use the same."""
    async with open_database(database_url, settings=KEPT_PLANS) as database:
        inbox = PostgresInbox(database, BOT, "one")
        assert await inbox.take_over(TERM.holder, "one") == TERM
        before: Before = request.param
        await before(database, inbox)
        await fill(database)
        measured = Measured(database, TERM)
        measured.inbox = inbox
        yield measured


@pytest.mark.parametrize("size", [1, 20, 100])
async def test_what_is_stored_reads_its_own_rows(measured: Measured, size: int) -> None:
    """Also where it begins with that."""
    inbox = measured.inbox
    assert await measured.reads(partial(inbox._store_group, new(size, with_attempts=False))) <= 4 * size
    assert await measured.reads(partial(inbox._store_group, new(size, with_attempts=True))) <= 4 * size


@pytest.mark.parametrize("ending", [Done(), Retry(0, "flood"), Unclear(1, "cut"), Dead("gave up")])
async def test_what_is_settled_reads_its_own_rows(measured: Measured, ending: Ending) -> None:
    """However the attempts ended."""
    inbox, size = measured.inbox, 50
    await inbox._store_group(stored := new(size, with_attempts=True))
    assert await measured.reads(partial(inbox._settle_group, settled(stored, ending))) <= 4 * size
