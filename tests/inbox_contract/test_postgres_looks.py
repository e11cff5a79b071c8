"""What only a shared database can get wrong about looking: its clock, its locks, its other bots and older releases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from svc.settings.environment import Fallback
from svc.storage.database import Connection, Database
from svc.storage.inbox import BeginOutcome, CallMade, Done, Unclear
from svc.storage.looks import OWNER_SILENT, CannotBeTold, DueLook, Found, LookOutcome, Unsure
from svc.storage.looks_sql import DUE_LOOKS
from svc.storage.postgres_inbox import PostgresInbox
from tests.inbox_contract.looking import WATERMARK, a_send_in_doubt, look, sending
from tests.inbox_contract.under_test import (
    LONG_AGO,
    Looking,
    PostgresInboxUnderTest,
    an_update,
    begun,
    new_term,
    outcome,
    postgres_inbox,
    store,
)

WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


@pytest.fixture
async def real(database: Database) -> AsyncIterator[PostgresInboxUnderTest]:
    async with postgres_inbox(database) as tested:
        yield tested


async def history(database: Database, table: str) -> list[dict[str, Any]]:
    """The history of the only row in `table`."""
    ((entries,),) = await database.fetch(f"SELECT history FROM {table}")
    found: list[dict[str, Any]] = json.loads(entries)
    return found


async def test_what_a_look_leaves_in_the_history(database: Database, real: PostgresInboxUnderTest) -> None:
    """When it was begun and left, each look with its probes and what it says, who looked, and how it ended."""
    inbox = real.inbox
    await store(inbox, 1)
    await sending(inbox, 1, await new_term(inbox), dead_if_sent="the handler raised")
    term = await new_term(inbox)
    for result in (Unsure("429 \0\ud800"), Found(105)):
        await real.pass_time(1000)
        (due,) = await inbox.due_looks(term, (), 10)
        await inbox.settle_look(term, due, result, "resend", probes=3)
    entries = await history(database, "dead_updates")
    assert entries == await history(database, "processed_updates")
    left, looked, found = entries
    assert left["began"] <= left["at"]
    assert [left[name] for name in ("event", "epoch", "why")] == ["in_doubt", 1, "its term has ended"]
    for entry, number in ((looked, 1), (found, 2)):
        assert (entry["instance"], entry["epoch"], entry["look"], entry["probes"]) == ("one", term.epoch, number, 3)
    assert (looked["event"], looked["why"]) == ("looked", "429 ?")
    assert (found["event"], found["message_id"], found["error"]) == ("found", 105, "the handler raised")


@pytest.mark.parametrize(
    ("policy", "table", "event"), [("resend", "inbox", "resend"), ("skip", "processed_updates", "skipped")]
)
async def test_why_it_could_not_be_told_is_in_the_history(
    database: Database, real: PostgresInboxUnderTest, policy: Fallback, table: str, event: str
) -> None:
    """Beside what the policy made of it."""
    term = await a_send_in_doubt(real)
    await look(real.inbox, term, CannotBeTold("403 Forbidden"), policy)
    entry = (await history(database, table))[-1]
    assert (entry["event"], entry["why"]) == (event, "403 Forbidden")


@pytest.mark.parametrize("set_back", ["1 day", "400 days"])
async def test_a_clock_that_was_set_back_holds_up_no_look(
    database: Database, real: PostgresInboxUnderTest, set_back: str
) -> None:
    """What was unclear, was claimed or left behind before the database's clock was set back is looked for, and what was
    cleared is looked for once more; a clock that is a little off makes nothing due."""
    inbox = real.inbox
    term = await new_term(inbox)
    for update_id, delay in ((1, 60), (2, 0), (3, 0)):
        await inbox.store(an_update(update_id, update_id))
        await inbox.settle(await sending(inbox, update_id, term), Unclear(delay, "cut off"))
    await inbox.store(an_update(4, 4))
    await sending(inbox, 4, term)
    term = await new_term(inbox)
    assert [each.update_id for each in await inbox.due_looks(term, (), 10)] == [2, 3]
    await database.fetch("UPDATE inbox SET absent = 2, look_at = now() + interval '5 seconds' WHERE update_id = 3")
    await real.pass_time(-10)
    assert await inbox.due_looks(term, (), 10) == []
    later = ", ".join(f"{time} = {time} + interval '{set_back}'" for time in ("started_at", "retried_at", "look_at"))
    await database.fetch(f"UPDATE inbox SET {later}")
    await database.fetch(f"UPDATE leadership SET acquired_at = acquired_at + interval '{set_back}'")
    due = await inbox.due_looks(term, (), 10)
    assert [(each.update_id, each.absent) for each in due] == [(1, 0), (2, 0), (3, 1), (4, 0)]


async def test_what_somebody_has_locked_is_looked_for_later(database: Database, real: PostgresInboxUnderTest) -> None:
    """One locked row keeps none of the others from being looked for."""
    inbox = real.inbox
    term = await new_term(inbox)
    for update_id in (1, 2):
        await inbox.store(an_update(update_id, update_id))
        await inbox.settle(await sending(inbox, update_id, term), Unclear(0, "cut off"))

    async def elsewhere(connection: Connection) -> None:
        await connection.execute("SELECT FROM inbox WHERE update_id = 1 FOR UPDATE")
        locked.set()
        while not looked.is_set():
            await connection.fetch("SELECT")

    locked, looked = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, elsewhere)
        await locked.wait()
        assert [each.update_id for each in await inbox.due_looks(term, (), 10)] == [2]
        looked.set()
    assert [each.update_id for each in await inbox.due_looks(term, (), 10)] == [1]


async def test_a_begin_beside_a_claim(database: Database, real: PostgresInboxUnderTest) -> None:
    """What was cleared begins or is looked for, whichever comes first, and never both."""
    inbox = real.inbox
    assert isinstance(inbox, PostgresInbox)
    term = await a_send_in_doubt(real)
    await database.fetch("UPDATE inbox SET absent = 2, looks = 2, look_at = now() + interval '100 seconds'")
    claimed = trio.Event()

    async def claim(connection: Connection) -> None:
        # The time is over between the one statement's look at the clock and the other's.
        await connection.execute("UPDATE inbox SET look_at = now()")
        await connection.execute(DUE_LOOKS, real.bot_id, term.epoch, term.holder, [], 10, 1.5, 15.0, 1.5, [])
        claimed.set()
        while not await connection.fetchval(WAITING):
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, claim)
        await claimed.wait()
        assert await outcome(inbox, 1, term) is BeginOutcome.BUSY
    assert await real.looking(1) == Looking(WATERMARK, looks=3, absent=1, resends=0)


async def test_an_instance_of_the_release_before(database: Database, real: PostgresInboxUnderTest) -> None:
    """It knows nothing of looks: what it begins has the watermark of an attempt before, which is too low and so safe,
    and nothing that was found out before clears it; whatever it has marked without one is the policy's."""
    inbox = real.inbox
    term = await a_send_in_doubt(real)
    await database.fetch(
        "UPDATE inbox SET absent = 2, looks = 2, look_at = now() + interval '5 seconds',"
        " state = 'processing', token = 9, started_at = now() - interval '60 seconds'"
    )
    await inbox.store(an_update(2, 8))
    await database.fetch("UPDATE inbox SET state = 'in_doubt', epoch = 1, started_at = now() WHERE update_id = 2")
    assert await inbox.resolve_doubts(term, "resend", LONG_AGO, (), look=True) == [(2, "resend")]
    (due,) = await inbox.due_looks(term, (), 10)
    assert (due.update_id, due.watermark, due.absent) == (1, WATERMARK, 0)
    assert await outcome(inbox, 1, term) is BeginOutcome.BUSY


async def test_no_heartbeat_of_another_bots_leader_counts(database: Database) -> None:
    """Epochs are each bot's own."""
    async with postgres_inbox(database, 1) as one, postgres_inbox(database, 2) as two:
        await store(one.inbox, 1)
        old = await new_term(one.inbox)
        await sending(one.inbox, 1, old)
        term = await new_term(one.inbox)
        await two.hear_of_the_leader_of(old.epoch)
        await one.pass_time(OWNER_SILENT)
        assert len(await one.inbox.due_looks(term, (), 10)) == 1


async def test_an_id_that_no_message_has(database: Database, real: PostgresInboxUnderTest) -> None:
    """Whatever an answer says, the settlement is recorded, and ids can be read."""
    inbox = real.inbox
    await store(inbox, 1)
    attempt = await begun(inbox, 1, await new_term(inbox))
    await inbox.settle(attempt, Done(), [CallMade("sendMessage", "ok", 8, each) for each in (2**63, -1, 0, 105)])
    assert await real.messages(1) == (None, 105)
    assert (await inbox.known_ids(DueLook(2, 7, 0, WATERMARK, 1, 0, 0.0))).ids == {105}


async def test_any_text_is_a_reason_to_apologise(real: PostgresInboxUnderTest) -> None:
    """An attempt begins whatever the error was that it apologises for."""
    inbox = real.inbox
    term = await a_send_in_doubt(real, dead_if_sent="bad \0 \ud800 " + "x" * 5000)
    assert await look(inbox, term, Found(105)) is LookOutcome.APOLOGISED
    ((_, reason),) = (await real.dead()).values()
    assert reason.startswith("bad  ? xxx")
