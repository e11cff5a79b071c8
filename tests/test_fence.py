"""The fence: a begin of the old term against the start of a new one, on real SQL and two connections.

Whichever commits first, the new term must either find the row that the old one began, as one in doubt, or keep it from
beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import trio
import trio_asyncio

from svc.storage import inbox_sql
from svc.storage.database import Connection, Database, DatabaseUnavailable
from svc.storage.inbox import Attempt, BeginOutcome, Received, Resolved, Term
from svc.storage.keys import lock_key
from svc.storage.postgres_inbox import PostgresInbox, Storing
from svc.storage.term_sql import NEW_TERM

BOT = 1
OLD = Term(1, UUID(int=1))
NEW = Term(2, UUID(int=2))
# Not pg_stat_activity: a transaction sees one snapshot of that.
BLOCKED = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


@dataclass
class Race:
    """One pending update and the old term. What `hold` runs keeps its transaction open until the other waits."""

    database: Database
    inbox: PostgresInbox

    async def hold(self, first: Callable[[Connection], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
        """Run `first` in a transaction, then `second` beside it; commit once `second` waits for a lock, or is done."""
        holds, done = trio.Event(), trio.Event()
        results: dict[str, Any] = {}

        async def within(connection: Connection) -> None:
            results["first"] = await first(connection)
            holds.set()
            while not (done.is_set() or await connection.fetchval(BLOCKED)):
                await trio_asyncio.trio_as_aio(trio.lowlevel.checkpoint)()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.database.transaction, within)
            await holds.wait()
            results["second"] = await second()
            done.set()
        return results["first"], results["second"]

    async def state(self) -> tuple[str, int | None]:
        ((state, epoch),) = await self.database.fetch("SELECT state, epoch FROM inbox")
        return state, epoch


@pytest.fixture
async def race(database: Database) -> Race:
    inbox = PostgresInbox(database, BOT, "one")
    assert await inbox.take_over(OLD.holder, "one") == OLD
    await inbox._store_group([Storing(Received(1, 7, "message", b"{}", trio.current_time()), None)])
    return Race(database, inbox)


@pytest.fixture
def no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: the term is only looked at."""
    assert inbox_sql.BEGIN.count(" FOR SHARE") == 1
    monkeypatch.setattr(inbox_sql, "BEGIN", inbox_sql.BEGIN.replace(" FOR SHARE", ""))


async def old_begins(connection: Connection) -> int:
    return len(
        await connection.fetch(
            inbox_sql.BEGIN, BOT, OLD.epoch, OLD.holder, *[[each] for each in (1, 5, False, None, None, None, 0)]
        )
    )


async def begin_then_new_term(race: Race) -> list[Resolved]:
    """What the new term finds in doubt."""

    async def take_over() -> list[Resolved]:
        assert await race.inbox.take_over(NEW.holder, "two") == NEW
        return list(await race.inbox.resolve_doubts(NEW, "resend", 0, ()))

    begun, found = await race.hold(old_begins, take_over)
    assert begun == 1
    assert isinstance(found, list)
    return found


async def new_term_then_begin(race: Race) -> BeginOutcome:
    async def take_over(connection: Connection) -> None:
        assert await connection.fetchval(NEW_TERM, BOT, NEW.holder, "two", 0, None) == NEW.epoch

    async def old_begins() -> BeginOutcome:
        (begun,) = await race.inbox._begin_group([Attempt(1, OLD, 5)])
        return begun.outcome

    _, outcome = await race.hold(take_over, old_begins)
    assert isinstance(outcome, BeginOutcome)
    return outcome


async def test_a_new_term_waits_for_a_begin(race: Race) -> None:
    """A new term waits until the old one's begin has committed, and finds its row in doubt."""
    assert await begin_then_new_term(race) == [(1, "resend")]
    assert await race.state() == ("pending", OLD.epoch)


async def test_a_begin_waits_for_a_new_term(race: Race) -> None:
    """A begin of the old term waits for a new one that is about to commit, and is fenced."""
    assert await new_term_then_begin(race) is BeginOutcome.FENCED
    assert await race.state() == ("pending", None)


@pytest.mark.usefixtures("no_fence")
async def test_without_the_lock_a_row_is_missed(race: Race) -> None:
    """With a plain SELECT instead, the new term has begun and the row is not there yet."""
    assert await begin_then_new_term(race) == []
    assert await race.state() == ("processing", OLD.epoch)


@pytest.mark.usefixtures("no_fence")
async def test_without_the_lock_the_old_term_begins(race: Race) -> None:
    """With a plain SELECT instead, the old term begins under the eyes of the new one."""
    assert await new_term_then_begin(race) is BeginOutcome.BEGUN


async def test_many_begins_beside_many_terms(race: Race) -> None:
    """While terms follow each other as fast as they can, each finds all that older ones have left: nothing appears
    under an old epoch later."""
    terms = [OLD]
    ended = trio.Event()
    updates = [Received(number, number, "message", b"{}", trio.current_time()) for number in range(2, 200)]
    await race.inbox._store_group([Storing(update, None) for update in updates])

    async def begin_all() -> None:
        for update in updates:
            await race.inbox._begin_group([Attempt(update.update_id, terms[-1], 5)])
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(begin_all)
        while not ended.is_set():
            terms.append(await race.inbox.take_over(UUID(int=len(terms)), "one"))
            await race.inbox.resolve_doubts(terms[-1], "skip", 0, {5})
            rows = await race.database.fetch("SELECT epoch FROM inbox WHERE state = 'processing'")
            assert {row["epoch"] for row in rows} <= {terms[-1].epoch}
    assert len(terms) > 10


async def test_a_take_over_looks_at_its_lock_when_it_has_the_row(race: Race) -> None:
    """One that had to wait for the old term's begin, and whose lock has gone meanwhile, begins no term."""
    locked, waits, unlocked = trio.Event(), trio.Event(), trio.Event()
    pids: list[int] = []

    async def hold_the_lock(connection: Connection) -> None:
        await connection.execute("SELECT pg_advisory_lock($1)", lock_key(BOT))
        pids.append(await connection.fetchval("SELECT pg_backend_pid()"))
        locked.set()
        await trio_asyncio.trio_as_aio(waits.wait)()
        await connection.execute("SELECT pg_advisory_unlock($1)", lock_key(BOT))
        unlocked.set()

    async def begin_slowly(connection: Connection) -> None:
        await old_begins(connection)
        begun.set()
        while not await connection.fetchval(BLOCKED):
            await trio_asyncio.trio_as_aio(trio.lowlevel.checkpoint)()
        waits.set()
        await trio_asyncio.trio_as_aio(unlocked.wait)()

    begun = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(race.database.on_connection, hold_the_lock)
        await locked.wait()
        nursery.start_soon(race.database.transaction, begin_slowly)
        await begun.wait()
        with pytest.raises(DatabaseUnavailable, match="the lock was lost"):
            await race.inbox.take_over(NEW.holder, "two", pids[0])
    assert await race.inbox.take_over(NEW.holder, "two") == NEW
