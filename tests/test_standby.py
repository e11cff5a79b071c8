"""A synchronous standby: whatever was answered as stored is there after a failover, also what came twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from fleet.postgres_pair import postgres_pair
from sandbox.postgres import EmbeddedPostgres
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import BeginOutcome, Done, Received, StoreOutcome
from svc.storage.inbox_sql import PLANNER
from svc.storage.migrate import migrate
from svc.storage.postgres_inbox import PostgresInbox
from tests.conftest import open_database
from tests.inbox_contract.under_test import an_update, begun, ids_read_back, new_term, outcome

pytestmark = pytest.mark.processes

BOT = 1


@pytest.fixture
def pair() -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and the standby that its commits wait for."""
    with postgres_pair() as both:
        yield both


@asynccontextmanager
async def inbox_on(server: EmbeddedPostgres) -> AsyncIterator[PostgresInbox]:
    async with open_database(server.url, settings=PLANNER) as database:
        await migrate(database)
        inbox = PostgresInbox(database, BOT, "one")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inbox.run)
            yield inbox
            nursery.cancel_scope.cancel(reason="the test is over")


async def is_stored(inbox: PostgresInbox, update: Received) -> bool:
    """Whether a delivery is answered: new, or here already. False: Telegram is asked to deliver it again."""
    try:
        await inbox.store(update)
    except DatabaseUnavailable:
        return False
    return True


def test_a_duplicate_waits_for_the_standby_as_the_first_delivery_does(
    pair: tuple[EmbeddedPostgres, EmbeddedPostgres],
) -> None:
    """While the standby is away no delivery of an update is answered, though its row is on the primary; once it is back
    it is a duplicate, and after a failover it is there. So is one that was processed, which nobody may send again."""
    primary, standby = pair

    async def before() -> None:
        async with inbox_on(primary) as inbox:
            term = await new_term(inbox)
            assert await is_stored(inbox, an_update(1))
            await trio.to_thread.run_sync(standby.stop)
            assert not await is_stored(inbox, an_update(2, chat_id=8))
            assert await ids_read_back(inbox) == [1, 2], "committed on the primary, and seen there"
            for _ in range(2):
                assert not await is_stored(inbox, an_update(2, chat_id=8)), "the row is on the primary only"
            await trio.to_thread.run_sync(standby.start)
            with trio.fail_after(20):
                while not await is_stored(inbox, an_update(2, chat_id=8)):
                    pass
            assert (await inbox.store(an_update(2, chat_id=8))).outcome is StoreOutcome.DUPLICATE
            await inbox.settle(await begun(inbox, 1, term), Done())
            assert (await inbox.store(an_update(1))).outcome is StoreOutcome.DUPLICATE

    async def after() -> None:
        async with inbox_on(standby) as inbox:
            assert await ids_read_back(inbox) == [2]
            assert (await inbox.store(an_update(1))).outcome is StoreOutcome.DUPLICATE
            assert await outcome(inbox, 2, await new_term(inbox)) is BeginOutcome.BEGUN

    trio.run(before)
    primary.kill()
    standby.promote()
    trio.run(after)
