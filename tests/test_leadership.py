"""Leadership under the mock clock: the lease is a scope's deadline, and its end is the end of sending."""

from __future__ import annotations

import random
from uuid import UUID

import pytest
import trio
import trio.testing

from statemachine import State
from svc.leadership.election import Election
from svc.leadership.lease import LeaseTimes
from svc.leadership.postgres_lock import PoolerInTheWay
from svc.storage.errors import DatabaseRefused, DatabaseUnavailable
from svc.storage.inbox import Term
from tests.harness import captured_logs, running_bot
from tests.memory.lock import MemoryLockServer, MemoryLockSession


async def test_a_free_lock_is_taken_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody leads: ACTIVE without waiting."""
    async with running_bot() as bot:
        assert trio.current_time() < 0.01
        assert bot.service.lifecycle.epoch == 1


async def test_a_notified_release_is_taken_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """The holder's release notifies: the waiting one is ACTIVE without waiting for its next try."""
    async with running_bot(passive=True) as bot:
        await trio.sleep(10.1)
        released = trio.current_time()
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        assert trio.current_time() == released


async def test_a_lock_that_comes_free_without_a_notification_is_noticed(autojump_clock: trio.testing.MockClock) -> None:
    """A crashed holder notifies nobody: the next try, within 300 ms, finds the lock free."""
    async with running_bot(passive=True) as bot:
        await trio.sleep(10.1)
        bot.lock.blocked = False
        freed = trio.current_time()
        await bot.state(State.ACTIVE)
        assert trio.current_time() - freed <= 0.3


@pytest.mark.parametrize("announced", [True, False])
async def test_the_leader_knows_whether_the_former_one_has_let_go(
    announced: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A lock that comes free without a word may be that of one that has died."""
    server = MemoryLockServer(blocked=True)

    async def connect() -> MemoryLockSession:
        return await server.connect(lambda _update_ids: None)

    async def take_over(holder: UUID, _lock_pid: int | None) -> Term:
        await trio.lowlevel.checkpoint()
        return Term(1, holder)

    async def let_go() -> None:
        await trio.sleep(10)
        server.blocked = False
        if announced:
            server.notify_release()

    election = Election(connect, take_over, LeaseTimes(), rng=random.Random(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(let_go)
        leader = await election.elect()
    assert leader.announced is announced


async def test_silence_ends_the_period_at_the_lease(autojump_clock: trio.testing.MockClock) -> None:
    """Cut off from the lock server: at L after the last heartbeat that came back nothing is sent any more."""
    async with running_bot(latency=0.6) as bot:
        await trio.sleep(10)
        session = bot.lock.holder
        assert session is not None
        session.cut = True
        heard = session.heard
        bot.sandbox.faults.order("slow", count=None, delay=10, method="sendMessage")
        await bot.send(7)
        await bot.state(State.PASSIVE)
        assert 1.4 <= trio.current_time() - heard <= 2.0
        assert [line["reason"] for line in bot.logs.of("LOCK_LOST")] == ["the lease ran out"]
        assert bot.calls() == []


async def test_heartbeats_keep_the_period_alive(autojump_clock: trio.testing.MockClock) -> None:
    """As long as they come back nothing ends: a quarter of an hour of it."""
    async with running_bot() as bot:
        await trio.sleep(900)
        assert bot.logs.of("LOCK_LOST") == []
        assert bot.service.lifecycle.state is State.ACTIVE


async def test_active_is_lost_and_won_again(autojump_clock: trio.testing.MockClock) -> None:
    """The connection breaks: PASSIVE at the next heartbeat, ACTIVE again in a new epoch, and nothing is lost."""
    async with running_bot() as bot:
        for round_ in range(1, 6):
            session = bot.lock.holder
            assert session is not None
            session.abandon()
            await bot.state(State.PASSIVE)
            await bot.state(State.ACTIVE)
            assert bot.service.lifecycle.epoch == round_ + 1
            await bot.send(round_)
        await bot.settled()
        assert [len(bot.menus(user)) for user in range(1, 6)] == [1] * 5


async def test_another_terms_epoch_ends_the_period(autojump_clock: trio.testing.MockClock) -> None:
    """Fenced: somebody else has begun a term, so `begin` refuses and this instance steps down."""
    async with running_bot() as bot:
        term = bot.inbox.term
        assert term is not None
        bot.inbox.term = type(term)(term.epoch + 1, term.holder)
        await bot.send(7)
        await bot.state(State.PASSIVE)
        assert [line["reason"] for line in bot.logs.of("LOCK_LOST")] == ["another term is current"]
        await bot.settled()
        assert len(bot.menus(7)) == 1


async def test_a_heartbeat_that_finds_the_lock_gone_ends_the_period(autojump_clock: trio.testing.MockClock) -> None:
    """The connection stands, but the server says that the lock is not this session's any more."""
    async with running_bot() as bot:
        bot.lock.holder = None
        await bot.state(State.PASSIVE)
        assert [line["reason"] for line in bot.logs.of("LOCK_LOST")] == ["the lock or the term is no longer ours"]
        await bot.state(State.ACTIVE)


async def test_answers_that_are_on_their_way_are_heard_when_the_lock_is_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Sixteen requests have left when the lock's connection ends: their answers are written down, nobody gets two."""
    async with running_bot(latency=1.0, workers=16) as bot:
        session = bot.lock.holder
        assert session is not None
        for user in range(1, 17):
            await bot.send(user)
        while len(bot.calls()) < 16:
            await trio.sleep(0.01)
        session.abandon()
        await bot.state(State.PASSIVE)
        await bot.state(State.ACTIVE)
        await bot.send(17)
        await bot.settled()
        assert [len(bot.menus(user)) for user in range(1, 18)] == [1] * 17
        assert sum(row.doubts for row in bot.inbox.processed.values()) == 0


async def test_an_answer_that_never_comes_is_in_doubt(autojump_clock: trio.testing.MockClock) -> None:
    """The message had left when the lease ended, and its answer is lost: recorded, sent again, and said."""
    async with running_bot() as bot:
        session = bot.lock.holder
        assert session is not None
        bot.sandbox.faults.order("slow_after", method="sendMessage", delay=60.0)
        update_id = await bot.send(7)
        while not bot.calls():
            await trio.sleep(0.01)
        session.abandon()
        await bot.settled()
        assert bot.inbox.processed[update_id].doubts == 1
        assert len(bot.menus(7)) == 2
        assert len(bot.logs.of("IN_DOUBT")) == 1


async def test_an_update_stored_elsewhere_is_worked_on_when_notified(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Another instance stored it and notified: processed at once; where that is lost, within a second."""
    async with running_bot(standby=True) as bot:
        await bot.state(State.ACTIVE)
        await trio.sleep(10.2)
        async with running_bot(passive=True, sandbox=bot.sandbox, inbox=bot.inbox, lock=type(bot.lock)()) as other:
            bot.inbox.on_notify = bot.lock.notify_new_work
            sent = trio.current_time()
            await other.send(7)
            await bot.settled()
            assert trio.current_time() - sent < 0.1
            assert bot.inbox.notified == 1
            bot.inbox.on_notify = None
            await other.send(8)
            await bot.settled()
            assert bot.inbox.notified == 2
        assert [len(bot.menus(user)) for user in (7, 8)] == [1, 1]


async def test_a_refusal_after_boot_is_waited_out(autojump_clock: trio.testing.MockClock) -> None:
    """Rights are taken and given back, and a pooler may come in the way: whoever waits to lead goes on waiting."""
    refusals: list[DatabaseUnavailable] = [DatabaseRefused("may not log in"), PoolerInTheWay("a connection pooler")]
    server = MemoryLockServer()

    async def connect() -> MemoryLockSession:
        if refusals:
            raise refusals.pop()
        return await server.connect(lambda _update_ids: None)

    async def take_over(holder: UUID, _lock_pid: int | None) -> Term:
        await trio.lowlevel.checkpoint()
        return Term(1, holder)

    election = Election(connect, take_over, LeaseTimes(), rng=random.Random(1))
    with captured_logs() as logs:
        leader = await election.elect()
    assert leader.term.epoch == 1
    assert [line["error"] for line in logs.of("DB_LOST")] == ["a connection pooler", "may not log in"]


async def test_nothing_leaves_once_the_locks_session_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    """The end of the session has not been read yet, and another may lead already: the call that was about to leave does
    not. In the next term the answer is sent once.
    """
    async with running_bot() as bot:
        holder = bot.lock.holder
        assert holder is not None
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(holder, "severed", lambda: True)
            await bot.send(7)
            await bot.settled()
        assert len(bot.menus(7)) == 1
        assert [line["reason"] for line in bot.logs.of("LOCK_LOST")] == ["the lock's connection is closed"]
        regained = [line["epoch"] for line in bot.logs.of("LOCK_ACQUIRED")]
        assert regained == [1, 2]
        assert [line["epoch"] for line in bot.logs.of("DONE")] == [2]
