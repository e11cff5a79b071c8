"""Leaving: SIGTERM gives up leadership first, with what is in flight done."""

from __future__ import annotations

import trio
import trio.testing

from statemachine import State
from tests.harness import running_bot


async def test_in_flight_work_finishes_and_no_new_work_begins(autojump_clock: trio.testing.MockClock) -> None:
    """Two of five are in flight: they are done, the other three stay in the inbox, and the lock is let go."""
    async with running_bot(workers=2, latency=1.0) as bot:
        for user in range(1, 6):
            await bot.send(user)
        while len(bot.logs.of("ACTIVE_PROCESS_START")) < 2:
            await trio.sleep(0.01)
        started = trio.current_time()
        await bot.drain()
        assert trio.current_time() - started <= 2.1
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


async def test_drain_timeout_ends_what_hangs(autojump_clock: trio.testing.MockClock) -> None:
    """A call that never ends holds nobody up for longer than DRAIN_TIMEOUT; its row is left in doubt for the next."""
    async with running_bot(drain_timeout=3.0) as bot:
        bot.sandbox.faults.order("hang", method="sendMessage")
        update_id = await bot.send(7)
        await trio.sleep(1)
        started = trio.current_time()
        await bot.drain()
        assert 3.0 <= trio.current_time() - started < 3.5
        assert bot.inbox.rows[update_id].state == "processing"
        assert bot.lock.holder is None
        assert len(bot.logs.of("DRAIN_TIMEOUT")) == 1


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
