"""What only a shared database can get wrong: several bots, several instances, locks, a clock of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing
import trio_asyncio

from svc.storage.database import Connection, Database
from svc.storage.history import ENTRIES
from svc.storage.inbox import GIVEN_UP, Attempt, BeginOutcome, Dead, Done, Ending, Retry, Stored, StoreOutcome
from svc.storage.postgres_inbox import PostgresInbox, Storing
from svc.storage.reading_sql import READ_BYTES
from tests.inbox_contract.under_test import (
    LONG_AGO,
    PostgresInboxUnderTest,
    Seen,
    an_update,
    begun,
    ids,
    ids_read_back,
    new_term,
    outcome,
    postgres_inbox,
    store,
)

INSERT = """
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)
VALUES ($1, $2, $3, 'message', $4, 'two')
"""
WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


@pytest.fixture
async def real(database: Database) -> AsyncIterator[PostgresInboxUnderTest]:
    async with postgres_inbox(database) as tested:
        yield tested


async def history(database: Database, table: str = "inbox") -> list[dict[str, Any]]:
    """The history of the only row in `table`."""
    ((entries,),) = await database.fetch(f"SELECT history FROM {table}")
    found: list[dict[str, Any]] = json.loads(entries)
    return found


async def test_bots_do_not_meet(database: Database) -> None:
    """Two bots in one database share nothing: ids, order, terms, doubts, notes and pruning are each bot's own."""
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
        term = await new_term(one.inbox)
        assert await one.inbox.resolve_doubts(term, "skip", LONG_AGO, ()) == []
        assert await two.row(1) == Seen("processing", attempts=1)
        await one.inbox.note_deciding(term, 2)
        await new_term(two.inbox)
        assert await two.inbox.note_deciding(await new_term(two.inbox), 2) == 0
        await one.inbox.note_pause(term, "401")
        assert await two.paused() is None
        assert await two.inbox.prune(LONG_AGO, 10) == await two.inbox.prune_dead(LONG_AGO, 10) == 0
        assert await ids_read_back(one.inbox) == ids(await one.inbox.newest(10)) == [2]
        assert await ids_read_back(two.inbox) == ids(await two.inbox.newest(10)) == []
        assert await two.inbox.followers([7], 16) == await two.inbox.fetch([1, 2]) == []


async def test_instances_that_store_the_same_do_not_deadlock(database: Database, real: PostgresInboxUnderTest) -> None:
    """Deliveries of the same updates to two instances, in opposite order, wait for each other in one order only."""
    inbox = real.inbox
    assert isinstance(inbox, PostgresInbox)
    inserted = trio.Event()

    async def other_instance(connection: Connection) -> None:
        await connection.execute(INSERT, real.bot_id, 1, 7, b"")
        inserted.set()
        while not await connection.fetchval(WAITING):
            pass
        await connection.execute(INSERT, real.bot_id, 2, 7, b"")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, other_instance)
        await inserted.wait()
        group = [Storing(an_update(update_id), None) for update_id in (2, 1)]
        assert await inbox._store_group(group) == [Stored(StoreOutcome.DUPLICATE)] * 2


async def test_what_is_begun_for_nobody_is_put_back(database: Database, real: PostgresInboxUnderTest) -> None:
    """A worker that is cancelled while its update is being begun leaves nothing in flight: it is pending, not in doubt,
    once all that was owed is written."""
    inbox = real.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    locked, cancelled = trio.Event(), trio.Event()

    async def hold_up(connection: Connection) -> None:
        await connection.execute("SELECT FROM inbox FOR UPDATE")
        locked.set()
        while not cancelled.is_set():
            if await connection.fetchval(WAITING):
                worker.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, hold_up)
        await locked.wait()
        with trio.CancelScope() as worker:
            await inbox.begin(Attempt(1, term, 5))
        assert worker.cancelled_caught
        cancelled.set()
        with trio.fail_after(10):
            await inbox.flush()
    assert await real.row(1) == Seen("pending", attempts=1)
    assert [(entry["event"], entry["error"]) for entry in await history(database)] == [("retry", GIVEN_UP)]
    assert await outcome(inbox, 1, term) is BeginOutcome.BEGUN


async def test_nobody_waits_for_a_term_that_is_being_changed(database: Database, real: PostgresInboxUnderTest) -> None:
    """While somebody holds the row of the leadership, updates are stored without delay, and do not begin."""
    inbox = real.inbox
    term = await new_term(inbox)

    async def change(connection: Connection) -> None:
        await connection.execute("SELECT FROM leadership FOR UPDATE")
        changing.set()
        while not stored.is_set():
            assert not await connection.fetchval(WAITING)

    changing, stored = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, change)
        await changing.wait()
        assert await inbox.store(an_update(1), Attempt(1, term, 1)) == Stored(StoreOutcome.FIRST)
        stored.set()


async def test_what_begins_for_nobody_is_put_back(database: Database, real: PostgresInboxUnderTest) -> None:
    """The webhook's deadline passes within the commit: the update is pending, and Telegram's next delivery is one of a
    stored update.
    """
    inbox = real.inbox
    attempt = Attempt(1, await new_term(inbox), 5)
    locked, cancelled = trio.Event(), trio.Event()

    async def hold_up(connection: Connection) -> None:
        await connection.execute("LOCK TABLE chats")
        locked.set()
        while not cancelled.is_set():
            if await connection.fetchval(WAITING):
                webhook.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, hold_up)
        await locked.wait()
        with trio.CancelScope() as webhook:
            await inbox.store(an_update(1), attempt)
        assert webhook.cancelled_caught
        cancelled.set()
        with trio.fail_after(10):
            await inbox.flush()
    assert await real.row(1) == Seen("pending", attempts=1)
    assert [(entry["event"], entry["error"]) for entry in await history(database)] == [("retry", GIVEN_UP)]


@pytest.mark.parametrize("before", [1, 2, 3, 4, 5])
async def test_an_instance_that_stops_between_statements_holds_nothing(
    database: Database, real: PostgresInboxUnderTest, before: int
) -> None:
    """Wherever a settlement of mixed endings stops, it holds no lock, and another instance takes over."""
    inbox = real.inbox
    term = await new_term(inbox)
    attempts = []
    for update_id in (1, 2, 3):
        await store(inbox, update_id, chat_id=update_id)
        attempts.append(await begun(inbox, update_id, term))
    stopping = StoppingDatabase(database, before)
    stopped = PostgresInbox(stopping, real.bot_id, "two")
    endings: list[Ending] = [Done(), Retry(0, "flood"), Dead("gave up")]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stopped.run)
        for attempt, ending in zip(attempts, endings, strict=True):
            nursery.start_soon(partial(stopped.settle, attempt, ending))
        with trio.fail_after(10):
            while not stopping.stopped and await inbox.fetch([2]) == []:
                await trio.lowlevel.checkpoint()
        later = await new_term(inbox)
        await inbox.resolve_doubts(later, "resend", LONG_AGO, ())
        assert later.epoch == term.epoch + 1
        assert await outcome(inbox, 2, later) is BeginOutcome.BEGUN
        nursery.cancel_scope.cancel(reason="the test is over")
    assert stopping.statements == 1


class StoppingDatabase(Database):
    """`database` as a process uses it that is stopped right before its statement number `before`."""

    def __init__(self, database: Database, before: int) -> None:
        super().__init__(database.url)
        self._database = database
        self._before = before
        self.statements = 0
        self.stopped = False

    async def on_connection(self, work: Any) -> Any:
        return await self._database.on_connection(lambda connection: work(_StoppingConnection(self, connection)))

    async def step(self) -> None:
        """One statement is about to be sent."""
        self.statements += 1
        if self.statements == self._before:
            self.stopped = True
            await asyncio.Event().wait()


class _StoppingConnection:
    def __init__(self, database: StoppingDatabase, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    def transaction(self) -> Any:
        return self._connection.transaction()

    async def fetch(self, *args: Any) -> Any:
        await self._database.step()
        return await self._connection.fetch(*args)

    async def execute(self, *args: Any) -> Any:
        await self._database.step()
        return await self._connection.execute(*args)


async def test_what_somebody_has_locked_is_decided_on_later(database: Database, real: PostgresInboxUnderTest) -> None:
    """One locked row in doubt holds up neither the others nor the term."""
    inbox = real.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await store(inbox, update_id, chat_id=update_id)
        await begun(inbox, update_id, term)
    term = await new_term(inbox)

    async def elsewhere(connection: Connection) -> None:
        await connection.execute("SELECT FROM inbox WHERE update_id = 1 FOR UPDATE")
        locked.set()
        while not resolved.is_set():
            await connection.fetch("SELECT")

    locked, resolved = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, elsewhere)
        await locked.wait()
        assert await inbox.resolve_doubts(term, "resend", LONG_AGO, ()) == [(2, "resend")]
        resolved.set()
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, ()) == [(1, "resend")]


async def test_rows_that_older_instances_have_marked(database: Database, real: PostgresInboxUnderTest) -> None:
    """A row that an instance of an earlier release has marked as in doubt is treated as what it is."""
    inbox = real.inbox
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    attempt = await begun(inbox, 1, term, token=5)
    await database.fetch("UPDATE inbox SET state = 'in_doubt' WHERE update_id = 1")
    assert await outcome(inbox, 1, term) is BeginOutcome.BUSY
    assert await inbox.followers([7], 16) == []
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, {5}) == [(1, "resend")]
    await inbox.settle(attempt, Done())
    assert await real.processed() == {1: Seen("done", attempts=1, doubts=1)}


@pytest.mark.parametrize("set_back", ["1 day", "400 days"])
async def test_a_clock_that_was_set_back_hides_nothing(
    database: Database, real: PostgresInboxUnderTest, set_back: str
) -> None:
    """What was stored, put off or begun before the database's clock was set back is due, and in doubt, all the same."""
    inbox = real.inbox
    term = await new_term(inbox)
    for update_id in (1, 2, 3):
        await store(inbox, update_id, chat_id=update_id)
    await inbox.settle(await begun(inbox, 2, term), Retry(60, "flood"))
    await begun(inbox, 3, term)
    times = ("received_at", "aged_from", "available_at", "retried_at", "started_at")
    later = ", ".join(f"{time} = {time} + interval '{set_back}'" for time in times)
    await database.fetch(f"UPDATE inbox SET {later}")
    assert await ids_read_back(inbox) == ids(await inbox.followers([1, 2], 16)) == [1, 2]
    assert ids(await inbox.newest(10)) == [2, 1]
    term = await new_term(inbox)
    assert await inbox.resolve_doubts(term, "resend", 60, ()) == [(3, "resend")]


async def test_a_retry_still_waits_its_time(database: Database, real: PostgresInboxUnderTest) -> None:
    """A clock that is a little off, as two servers' are after a failover, makes nothing due before its time."""
    inbox = real.inbox
    await store(inbox, 1)
    await inbox.settle(await begun(inbox, 1, await new_term(inbox)), Retry(3600, "flood"))
    await database.fetch("UPDATE inbox SET retried_at = retried_at + interval '10 seconds'")
    assert await ids_read_back(inbox) == []
    term = await new_term(inbox)
    assert ids(await inbox.fetch([1])) == [1]
    await begun(inbox, 1, term)
    await database.fetch("UPDATE inbox SET started_at = started_at + interval '10 seconds'")
    assert await inbox.resolve_doubts(term, "resend", 60, ()) == []


async def test_a_history_stays_short(database: Database, real: PostgresInboxUnderTest) -> None:
    """However often an update is put off or in doubt, its history keeps the first entry and the latest ones."""
    inbox = real.inbox
    await store(inbox, 1)
    term = await new_term(inbox)
    for number in range(ENTRIES + 5):
        await inbox.settle(await begun(inbox, 1, term), Retry(0, f"try {number}"))
    entries = await history(database)
    assert [entry["error"] for entry in entries] == ["try 0", *(f"try {number}" for number in range(6, ENTRIES + 5))]
    for _ in range(3):
        await begun(inbox, 1, term, repeatable=True)
        assert await inbox.resolve_doubts(term, "resend", LONG_AGO, ()) == [(1, "repeat")]
    entries = await history(database)
    assert len(entries) == ENTRIES
    assert [entry["event"] for entry in entries[-4:]] == ["retry", "repeat", "repeat", "repeat"]
    await inbox.settle(await begun(inbox, 1, term), Dead("gave up"))
    entries = await history(database, "dead_updates")
    assert entries == await history(database, "processed_updates")
    assert len(entries) == ENTRIES
    assert (entries[0]["error"], entries[-1]["error"]) == ("try 0", "gave up")


async def test_a_history_that_has_grown_is_cut(database: Database, real: PostgresInboxUnderTest) -> None:
    """One that earlier releases let grow is short again after one more entry, however the update ends."""
    inbox = real.inbox
    term = await new_term(inbox)
    for update_id in (1, 2, 3):
        await store(inbox, update_id, chat_id=update_id)
        await begun(inbox, update_id, term, token=update_id)
    await database.fetch(
        "UPDATE inbox SET history = (SELECT jsonb_agg(jsonb_build_object('event', n)) FROM generate_series(1, 500) n)"
    )
    await inbox.settle(Attempt(1, term, 1), Done())
    await inbox.settle(Attempt(2, term, 2), Retry(0, "flood"))
    await inbox.resolve_doubts(await new_term(inbox), "skip", LONG_AGO, ())
    rows = await database.fetch("SELECT history FROM inbox UNION ALL SELECT history FROM processed_updates")
    assert len(rows) == 3
    for row in rows:
        entries = json.loads(row["history"])
        assert len(entries) == ENTRIES
        assert [entry["event"] for entry in entries[:3]] == [1, 500 - ENTRIES + 3, 500 - ENTRIES + 4]


async def test_what_a_doubt_leaves_in_the_history(database: Database, real: PostgresInboxUnderTest) -> None:
    """It says when the attempt began, under which epoch, why it is in doubt and what was decided."""
    inbox = real.inbox
    await store(inbox, 1)
    await begun(inbox, 1, await new_term(inbox))
    term = await new_term(inbox)
    await inbox.resolve_doubts(term, "resend", LONG_AGO, ())
    await begun(inbox, 1, term)
    await inbox.resolve_doubts(term, "resend", LONG_AGO, ())
    entries = await history(database, "dead_updates")
    assert [(entry["event"], entry["epoch"], entry["why"], entry.get("error")) for entry in entries] == [
        ("resend", 1, "its term has ended", None),
        ("dead", 2, "no worker holds it", "it cannot be told whether it was sent"),
    ]
    assert all(entry["began"] <= entry["at"] for entry in entries)


async def test_one_update_is_read_however_large(database: Database, real: PostgresInboxUnderTest) -> None:
    """A payload over the bound is read alone."""
    payload = "convert_to(repeat('x', $2), 'UTF8')"
    sql = INSERT.replace("$2, $3", "n, n").replace("VALUES (", "SELECT ").replace("$4, 'two')", f"{payload}, 'two'")
    await database.fetch(f"{sql} FROM generate_series(1, 2) AS n", real.bot_id, READ_BYTES + 1)
    window = await real.inbox.backfill(10)
    assert (ids(window.updates), window.end) == ([1], 1)
    assert ids(await real.inbox.newest(10)) == [2]
    assert ids(await real.inbox.fetch([1, 2])) == ids(await real.inbox.followers([1, 2], 1)) == [1]


async def test_a_note_waits_for_no_disk(database: Database, real: PostgresInboxUnderTest) -> None:
    """Only the commit of a note is left to the background, not those that follow on its session."""
    term = await new_term(real.inbox)
    await real.inbox.note_deciding(term, 1)
    ((setting,),) = await database.fetch("SHOW synchronous_commit")
    assert setting == "on"


async def test_a_rehearsal_changes_nothing(real: PostgresInboxUnderTest) -> None:
    """What waits, the term and the epoch are as before, and the first term can still begin."""
    term = await new_term(real.inbox)
    await real.inbox.store(an_update(1))
    await real.inbox.rehearse()
    assert (await real.inbox.begin(Attempt(1, term, 7))).outcome is BeginOutcome.BEGUN
    assert (await new_term(real.inbox)).epoch == term.epoch + 1


async def test_what_is_done_while_another_instance_stores_it_is_not_done_again(
    database: Database, real: PostgresInboxUnderTest
) -> None:
    """Each commits without seeing the other's row: the one in the inbox does not begin, and goes."""
    term = await new_term(real.inbox)

    async def meanwhile(connection: Connection) -> None:
        await connection.execute(INSERT, real.bot_id, 1, 7, b"{}")
        stored.append(await trio_asyncio.trio_as_aio(real.inbox.store)(an_update(1), attempt))

    attempt, stored = Attempt(1, term, 1, is_nothing=True), list[Stored]()
    await database.transaction(meanwhile)
    assert stored == [Stored(StoreOutcome.DONE)]
    assert await real.row(1) == Seen("pending")
    assert await outcome(real.inbox, 1, term) is BeginOutcome.DUPLICATE
    assert await real.row(1) is None
    assert await real.processed() == {1: Seen("ignored")}
