"""Leaving: SIGTERM gives up leadership first, with what is in flight done."""

from __future__ import annotations

import httpx
import pytest
import trio
import trio.testing

from statemachine import State
from tests.harness import running_bot, second_bot
from tests.memory.inbox import MemoryInbox


async def test_in_flight_work_finishes_and_no_new_work_begins(autojump_clock: trio.testing.MockClock) -> None:
    """Two of five are in flight: they are done, the other three stay in the inbox, and the lock is let go."""
    async with running_bot(workers=2, latency=0.4) as bot:
        for user in range(1, 6):
            await bot.send(user)
        while len(bot.logs.of("ACTIVE_PROCESS_START")) < 2:
            await trio.sleep(0.01)
        started = trio.current_time()
        await bot.drain()
        assert trio.current_time() - started <= 0.8
        assert len(bot.calls()) == 2
        assert len(bot.inbox.rows) == 3
        assert all(row.state == "pending" for row in bot.inbox.rows.values())
        assert bot.lock.holder is None
        assert bot.logs.names()[-1] == "LOCK_RELEASED"
        assert bot.service.lifecycle.state is State.DRAINING


async def test_an_idle_instance_leaves_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing in flight: no time passes."""
    async with running_bot() as bot:
        started = trio.current_time()
        await bot.drain()
        assert trio.current_time() - started < 0.01


async def test_a_passive_instance_leaves_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Waiting for the lock is given up; nothing is released that was never held."""
    async with running_bot(passive=True) as bot:
        started = trio.current_time()
        await bot.drain()
        assert trio.current_time() - started < 0.01
        assert bot.logs.of("LOCK_RELEASED") == []


@pytest.mark.parametrize(("policy", "noted"), [("resend", ("pending", 1)), ("verify", ("in_doubt", 0))])
async def test_drain_timeout_ends_what_hangs(
    policy: str, noted: tuple[str, int], autojump_clock: trio.testing.MockClock
) -> None:
    """A call that never ends holds up the process for no longer than DRAIN_TIMEOUT; its row says so."""
    async with running_bot(drain_timeout=3.0, in_doubt=policy) as bot:
        bot.sandbox.faults.order("hang", method="sendMessage")
        update_id = await bot.send(7)
        await trio.sleep(1)
        started = trio.current_time()
        await bot.drain()
        assert 3.0 <= trio.current_time() - started < 3.5
        row = bot.inbox.rows[update_id]
        assert (row.state, row.doubts) == noted
        assert bot.lock.holder is None
        assert len(bot.logs.of("DRAIN_TIMEOUT")) == 1


async def test_a_send_that_hangs_does_not_hold_the_lead(autojump_clock: trio.testing.MockClock) -> None:
    """Another instance leads a second later and answers everybody else; the slow answer is heard and written down."""
    async with running_bot() as bot, second_bot(bot) as other:
        bot.sandbox.faults.order("slow_after", method="sendMessage", delay=8.0)
        slow = await bot.send(7)
        while not bot.calls():
            await trio.sleep(0.01)
        started = trio.current_time()
        bot.service.lifecycle.drain("SIGTERM")
        await other.state(State.ACTIVE)
        assert trio.current_time() - started < 1.5
        await other.send(8)
        while not bot.menus(8):
            await trio.sleep(0.01)
        assert trio.current_time() - started < 2.5
        await bot.ended.wait()
        assert bot.inbox.processed[slow].outcome == "done"
        await bot.settled()
        assert (len(bot.menus(7)), len(bot.menus(8))) == (1, 1)
        assert bot.inbox.processed[slow].doubts == 0


async def test_what_has_not_left_is_put_back(autojump_clock: trio.testing.MockClock) -> None:
    """A call whose connection is not made yet when the lead is handed over was not sent, and its row says so."""
    reached = trio.Event()

    class Unreachable(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/sendMessage"):
                reached.set()
                await trio.sleep_forever()
            return httpx.Response(200, json={"ok": True, "result": True})

    async with running_bot(transport=Unreachable) as bot:
        update_id = await bot.send(7)
        await reached.wait()
        await bot.drain()
        row = bot.inbox.rows[update_id]
        assert (row.state, row.doubts) == ("pending", 0)


async def test_a_drain_waits_for_a_database_that_stalls(autojump_clock: trio.testing.MockClock) -> None:
    """The menu was sent, the database is away for 8 s: the process ends only once that is written down."""
    inbox = MemoryInbox()
    async with running_bot(latency=0.2, inbox=inbox) as bot:
        update_id = await bot.send(7)
        while not bot.calls():
            await trio.sleep(0.01)
        inbox.go_away()
        bot.service.lifecycle.drain("SIGTERM")
        await trio.sleep(8)
        assert not bot.ended.is_set()
        inbox.come_back()
        await bot.ended.wait()
        assert inbox.processed[update_id].outcome == "done"


async def test_a_database_that_stays_away_ends_the_drain_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """What cannot be written within DRAIN_TIMEOUT is given up, and the process ends."""
    inbox = MemoryInbox()
    async with running_bot(latency=0.2, inbox=inbox) as bot:
        await bot.send(7)
        while not bot.calls():
            await trio.sleep(0.01)
        inbox.go_away()
        started = trio.current_time()
        await bot.drain()
        assert 20 <= trio.current_time() - started < 22


async def test_lingering_http_stores_and_notifies(autojump_clock: trio.testing.MockClock) -> None:
    """LINGER: updates that still arrive are stored, and the next leader is notified."""
    async with running_bot(linger=5.0) as bot:
        bot.service.lifecycle.drain("SIGTERM")
        await trio.sleep(1)
        update_id = await bot.send(7)
        await trio.sleep(1)
        assert update_id in bot.inbox.rows
        assert bot.inbox.notified == 1
        assert bot.lock.holder is None
        assert not bot.ended.is_set()
        await bot.ended.wait()
        assert bot.calls() == []


async def test_the_history_is_written(autojump_clock: trio.testing.MockClock) -> None:
    """Every transition is logged as STATE and written to the history, with how long the state had lasted."""
    async with running_bot() as bot:
        await trio.sleep(10)
        await bot.drain()
        logged = [(line["from"], line["to"], line["trigger"], line["reason"]) for line in bot.logs.of("STATE")]
        assert logged == [
            ("BOOT", "PASSIVE", "booted", "ready"),
            ("PASSIVE", "ACTIVE", "lock_acquired", "lock acquired"),
            ("ACTIVE", "DRAINING", "drain", "SIGTERM"),
        ]
        steps = bot.transition_log.steps  # type: ignore[attr-defined]
        assert [(step.source.name, step.target.name, step.trigger, step.reason) for step in steps] == logged
        assert steps[-1].epoch == 1
        assert 9.9 <= steps[-1].held <= 10.1
