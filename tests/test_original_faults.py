"""The three faults of the original bot's code. Each test fails with that bot's order of steps, which is shown."""

from __future__ import annotations

from collections import deque

import trio
import trio.testing

from statemachine import State
from svc.queue.hints import HINTS
from tests.harness import running_bot


async def test_an_update_that_waited_in_passive_is_not_a_duplicate_of_itself(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Fault 1: the original bot wrote the dedup row in front of the ACTIVE gate; requeued, it skipped itself."""
    async with running_bot(passive=True) as bot:
        update_id = await bot.send(7)
        await trio.sleep(5)
        assert bot.inbox.processed == {}
        bot.lock.unblock()
        await bot.settled()
        assert "DEDUP_SKIP" not in bot.logs.names(update_id)
        assert len(bot.menus(7)) == 1
    assert await _original_worker(active_after=5.0) == "DEDUP_SKIP"


async def test_an_update_dropped_after_30_s_is_still_owed(autojump_clock: trio.testing.MockClock) -> None:
    """Fault 2: the original bot dropped it "because the ACTIVE instance will process it", which never received it."""
    async with running_bot(passive=True) as bot:
        update_id = await bot.send(7)
        await trio.sleep(60)
        assert "PASSIVE_DROP" in bot.logs.names(update_id)
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        await bot.settled()
        assert len(bot.menus(7)) == 1
    assert await _original_worker(active_after=60.0) == "DROPPED"


async def test_a_full_queue_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Fault 3: the original bot's queue lived in memory only; full, or in a crash, it lost what was acknowledged."""
    async with running_bot(passive=True) as bot:
        users = range(1, HINTS + 501)
        # Nobody takes hints for a while: the memory channel overflows.
        for user in users:
            await bot.send(user)
        while bot.sandbox.telegram.bot().pending:
            await trio.sleep(1)
        assert len(bot.inbox.rows) == len(users)
        bot.lock.unblock()
        await bot.settled()
        assert all(len(bot.menus(user)) == 1 for user in users)


async def test_a_crash_after_the_200_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Fault 3: an instance that dies with acknowledged updates in memory leaves them to the next one."""
    async with running_bot(passive=True) as first:
        await first.send(7)
        await trio.sleep(1)
        assert first.sandbox.telegram.bot().pending == {}
    # The block's end cancels everything at once: no drain, no goodbye.
    async with running_bot(sandbox=first.sandbox, inbox=first.inbox) as second:
        await second.settled()
        assert len(second.menus(7)) == 1


async def _original_worker(*, active_after: float) -> str:
    """What becomes of one update in the original bot's worker loop, with the steps in the order they had there."""
    processed: set[int] = set()
    start = trio.current_time()
    queue = deque([(1, start)])
    while queue:
        update_id, enqueued = queue.popleft()
        if update_id in processed:
            return "DEDUP_SKIP"
        processed.add(update_id)
        if trio.current_time() - start < active_after:
            if trio.current_time() - enqueued > 30:
                return "DROPPED"
            await trio.sleep(0.5)
            if active_after > 30:
                processed.discard(update_id)  # without fault 1, to get as far as fault 2
            queue.append((update_id, enqueued))
            continue
        return "MENU"
    return "LOST"
