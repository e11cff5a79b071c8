"""What only a shared database can get wrong: several bots, several instances."""

from __future__ import annotations

import trio
import trio.testing

from svc.storage.database import Connection, Database
from svc.storage.inbox import BeginOutcome
from svc.storage.postgres_inbox import PostgresInbox
from tests.inbox_contract.under_test import LONG_AGO, Seen, an_update, begun, new_term, outcome, postgres_inbox, store


async def test_bots_do_not_meet(database: Database) -> None:
    """Two bots in one database share nothing: ids, order, terms, doubts and pruning are each bot's own."""
    async with postgres_inbox(database, 1) as one, postgres_inbox(database, 2) as two:
        for tested in (one, two):
            await store(tested.inbox, 1, 2)
        await one.inbox.dismiss(1)
        assert await two.row(1) == Seen("pending")
        term = await new_term(one.inbox)
        assert await outcome(two.inbox, 1, term) is BeginOutcome.FENCED
        other = await new_term(two.inbox)
        assert other.epoch == 1
        await begun(two.inbox, 1, other)
        await new_term(one.inbox)
        assert await two.row(1) == Seen("processing", attempts=1)
        await new_term(two.inbox)
        assert await one.inbox.resolve_doubts(term, "skip", LONG_AGO) == []
        assert await two.inbox.prune(LONG_AGO, 10) == 0
        assert [each.update_id for each in await one.inbox.backfill(10)] == [2]
        assert await two.inbox.backfill(10) == []


async def test_instances_that_store_the_same_do_not_deadlock(database: Database) -> None:
    """Deliveries of the same updates to two instances, in opposite order, wait for each other in one order only."""
    async with postgres_inbox(database) as tested:
        inbox = tested.inbox
        assert isinstance(inbox, PostgresInbox)
        inserted = trio.Event()

        async def other_instance(connection: Connection) -> None:
            insert = (
                "INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)"
                " VALUES ($1, $2, 7, 'message', '', 'two')"
            )
            await connection.execute(insert, tested.bot_id, 1)
            inserted.set()
            while not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                pass
            await connection.execute(insert, tested.bot_id, 2)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(database.transaction, other_instance)
            await inserted.wait()
            assert await inbox._store_group([an_update(2), an_update(1)]) == [False, False]
