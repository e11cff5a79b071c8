"""The ACTIVE period: who works in it goes when it opens and is out when it ends, whatever the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from statemachine import State
from svc.leadership import terms
from svc.queue.chat_queue import ChatQueue
from telegram_client.flood import FloodControl
from tests.harness import RunningBot, running_bot
from tests.memory.inbox import MemoryInbox
from tests.transports import FakeTransport


def starts(bot: RunningBot) -> list[tuple[str, int]]:
    """Who has begun what so far: the worker and the update."""
    return [(line["worker"], line["update_id"]) for line in bot.logs.of("ACTIVE_PROCESS_START")]


async def test_workers_stand_at_the_event_and_go_with_every_term(autojump_clock: trio.testing.MockClock) -> None:
    """Before ACTIVE all stand at the event; it opens and all go at once; the lease ends and all stand there again, once
    they have heard the answers to what they had sent, with nothing begun meanwhile; the next term opens it again."""
    async with running_bot(passive=True, workers=4, latency=1.0) as bot:
        active = bot.service.lifecycle.active
        everyone = active.tasks_waiting
        assert everyone >= 4
        first = [await bot.send(user) for user in (1, 2, 3, 4)]
        await trio.sleep(10)
        assert starts(bot) == []
        assert active.tasks_waiting == everyone

        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        opened = trio.current_time()
        await trio.sleep(0.5)
        assert {worker for worker, _ in starts(bot)} == {f"WORKER_{number}" for number in range(4)}
        assert sorted(update for _, update in starts(bot)) == first
        # By now nobody stands there for want of an open event, only whoever was there first.
        assert active.tasks_waiting == 0

        await _lose_the_lock(bot)
        assert trio.current_time() == opened + 0.5
        await trio.testing.wait_all_tasks_blocked()
        assert active.tasks_waiting == everyone - 4
        later = [await bot.send(user) for user in (5, 6, 7, 8)]
        await trio.sleep(60)
        assert active.tasks_waiting == everyone
        assert len(starts(bot)) == 4
        assert len(bot.calls()) == 4

        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        await bot.settled()
        assert {update for _, update in starts(bot)} == {*first, *later}
        assert all(len(bot.menus(user)) == 1 for user in range(1, 9))


async def _lose_the_lock(bot: RunningBot) -> None:
    """The connection closes, and somebody else has the lock from then on."""
    assert bot.lock.holder is not None
    bot.lock.blocked = True
    bot.lock.holder.abandon()
    await bot.state(State.PASSIVE)


async def test_a_drain_lets_nobody_in_and_what_is_in_flight_finish(autojump_clock: trio.testing.MockClock) -> None:
    """The event closes with the first signal: two of four are in flight and finish, no other begins."""
    async with running_bot(workers=2, latency=1.0) as bot:
        for user in (1, 2, 3, 4):
            await bot.send(user)
        await trio.sleep(0.5)
        bot.service.lifecycle.drain("SIGTERM")
        with trio.move_on_after(0.4) as waiting:
            await bot.service.lifecycle.active.wait()
        assert waiting.cancelled_caught
        await bot.ended.wait()
        assert len(starts(bot)) == len(bot.calls()) == 2
        assert len(bot.inbox.rows) == 2


async def test_a_drain_that_comes_with_the_election_enters_no_term(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock was won in the very moment of the signal: it is released, and ACTIVE is never entered."""
    take_over = MemoryInbox.take_over

    async def and_drain(inbox: MemoryInbox, *given: Any) -> Any:
        term = await take_over(inbox, *given)
        bot.service.lifecycle.drain("SIGTERM")
        return term

    async with running_bot(passive=True) as bot:
        monkeypatch.setattr(MemoryInbox, "take_over", and_drain)
        bot.lock.unblock()
        await bot.ended.wait()
        assert bot.lock.holder is None
        assert [line["to"] for line in bot.logs.of("STATE")] == ["PASSIVE", "DRAINING"]


async def test_a_crash_gives_the_lock_back_and_ends_the_process(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something unforeseen in a worker: released at once, and out with the reason."""

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("unforeseen")

    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with running_bot() as bot:
            monkeypatch.setattr(ChatQueue, "done", broken)
            await bot.send(7)
            await trio.sleep(5)
    assert bot.lock.holder is None
    assert bot.logs.of("LOCK_RELEASED")


async def test_what_was_sent_is_written_down_though_a_sibling_crashes(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The menu has left, the database is away, and a worker crashes: the service ends with the row done."""

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("unforeseen")

    async def come_back_soon(inbox: MemoryInbox) -> None:
        await trio.sleep(0.5)
        inbox.come_back()

    inbox = MemoryInbox()
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with running_bot(latency=0.2, inbox=inbox) as bot:
            update_id = await bot.send(7)
            await trio.sleep(0.1)
            inbox.go_away()
            while not inbox.settlements_waiting:
                await trio.sleep(0.01)
            monkeypatch.setattr(FloodControl, "held", broken)
            # Outside of the service's nurseries, as a real database is.
            trio.lowlevel.spawn_system_task(come_back_soon, inbox)
            sent = inbox.rows[update_id].update
            bot.service._hints.send_nowait(replace(sent, update_id=update_id + 1, chat_id=8, is_first=True))
            await trio.sleep(60)
    assert inbox.processed[update_id].outcome == "done"
    assert inbox.rows == {}


async def _shielded(_: httpx.Request) -> httpx.Response:
    """A call that shields itself from its cancellation."""
    with trio.CancelScope(shield=True):
        await trio.sleep(30)
    return httpx.Response(200, json={"ok": True, "result": True})


async def test_work_that_cannot_be_cancelled_ends_the_process(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second after the lease is lost, what still runs may not live on."""
    ended: list[tuple[float, int]] = []
    monkeypatch.setattr(terms, "end_process_now", lambda code: ended.append((trio.current_time(), code)))
    async with running_bot(transport=lambda: FakeTransport(_shielded)) as bot:
        await bot.send(7)
        await trio.sleep(1)
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        lost = trio.current_time()
        await bot.state(State.PASSIVE)
        assert ended == [(lost + terms.CANCEL_DEADLINE, 1)]
        assert len(bot.logs.of("STUCK")) == 1


async def test_an_orderly_end_leaves_no_watcher_behind(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that ends within the second, or a drain, is no reason to end the process."""
    ended: list[int] = []
    monkeypatch.setattr(terms, "end_process_now", ended.append)
    async with running_bot(latency=0.4) as bot:
        await bot.send(7)
        await trio.sleep(0.1)
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        await bot.state(State.PASSIVE)
        await bot.state(State.ACTIVE)
        await bot.drain()
        await trio.sleep(10)
    assert ended == []


async def test_the_lease_is_on_the_metrics(autojump_clock: trio.testing.MockClock) -> None:
    """How long it may act without a heartbeat, its epoch, how long the handover took, and what is queued."""
    async with running_bot() as bot:
        await trio.sleep(10)
        sample = bot.metrics.registry.get_sample_value
        left = sample("svc_lease_left_seconds")
        assert left is not None
        assert 1.4 <= left <= 2.0
        assert sample("svc_epoch") == 1
        assert sample("svc_handover_seconds_count") == 1
        assert sample("svc_queued_updates") == 0
        await bot.drain()
        assert sample("svc_lease_left_seconds") == 0
