"""The ACTIVE period's end: whatever the reason, the lock is given back and nothing lives on."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio
import trio.testing

from statemachine import State
from svc import service
from tests.harness import running_bot
from tests.memory.inbox import MemoryInbox


async def test_a_crash_gives_the_lock_back_and_ends_the_process(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something unforeseen in the ACTIVE scope: released at once, and out with the reason."""

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("unforeseen")

    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with running_bot() as bot:
            monkeypatch.setattr(MemoryInbox, "backfill", broken)
            await trio.sleep(5)
    assert bot.lock.holder is None
    assert bot.logs.of("LOCK_RELEASED")


class _Unstoppable(httpx.AsyncBaseTransport):
    """A call that shields itself from its cancellation."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with trio.CancelScope(shield=True):
            await trio.sleep(30)
        return httpx.Response(200, json={"ok": True, "result": True}, request=request)


async def test_work_that_cannot_be_cancelled_ends_the_process(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second after the lease is lost, what still runs may not live on."""
    ended: list[tuple[float, int]] = []
    monkeypatch.setattr(service, "end_process_now", lambda code: ended.append((trio.current_time(), code)))
    async with running_bot(transport=_Unstoppable) as bot:
        await bot.send(7)
        await trio.sleep(1)
        assert bot.lock.holder is not None
        bot.lock.holder.abandon()
        lost = trio.current_time()
        await bot.state(State.PASSIVE)
        assert ended == [(lost + service.CANCEL_DEADLINE, 1)]
        assert len(bot.logs.of("STUCK")) == 1


async def test_an_orderly_end_leaves_no_watcher_behind(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that ends within the second, or a drain, is no reason to end the process."""
    ended: list[int] = []
    monkeypatch.setattr(service, "end_process_now", ended.append)
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
    """How long it may act without a heartbeat, its epoch, how long the handover took, and how late the loop is."""
    async with running_bot() as bot:
        await trio.sleep(10)
        sample = bot.metrics.registry.get_sample_value
        left = sample("svc_lease_left_seconds")
        assert left is not None
        assert 1.4 <= left <= 2.0
        assert sample("svc_epoch") == 1
        assert sample("svc_handover_seconds_count") == 1
        assert (sample("svc_loop_lag_seconds_count") or 0) >= 90
        await bot.drain()
        assert sample("svc_lease_left_seconds") == 0
