"""The three logs that the original bot's description expects come out event by event, in that order.

One step has moved, which is why the original bot's first fault cannot come back: it checked for duplicates in front of
the ACTIVE gate, and this service does so behind it.
"""

from __future__ import annotations

import trio.testing

from statemachine import State
from tests.harness import running_bot


async def test_happy_path(autojump_clock: trio.testing.MockClock) -> None:
    """ACTIVE: enqueued, dedup checked, processing, /start, menu sent."""
    async with running_bot() as bot:
        update_id = await bot.send(6913446846)
        await bot.settled()
        assert bot.logs.names(update_id) == [
            "ENQUEUED",
            "DEDUP_CHECK",
            "ACTIVE_PROCESS_START",
            "START",
            "MAIN_MENU_SENT",
            "DONE",
        ]
        (enqueued,) = bot.logs.of("ENQUEUED")
        assert enqueued["type"] == "message"
        (sent,) = bot.logs.of("MAIN_MENU_SENT")
        assert (sent["user_id"], sent["models"]) == (6913446846, 50)


async def test_passive_mode(autojump_clock: trio.testing.MockClock) -> None:
    """PASSIVE: enqueued and waiting; then the lock, and only then processing and the menu."""
    async with running_bot(passive=True) as bot:
        update_id = await bot.send(7)
        await trio.sleep(2)
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        await bot.settled()
        story = [name for name in bot.logs.names() if name in ("LOCK_ACQUIRED", "LOCK_WAIT")]
        assert story == ["LOCK_WAIT", "LOCK_ACQUIRED"]
        assert bot.logs.names(update_id) == [
            "ENQUEUED",
            "PASSIVE_WAIT",
            "DEDUP_CHECK",
            "ACTIVE_PROCESS_START",
            "START",
            "MAIN_MENU_SENT",
            "DONE",
        ]
        names = bot.logs.names()
        assert names.index("PASSIVE_WAIT") < names.index("LOCK_ACQUIRED") < names.index("ACTIVE_PROCESS_START")


async def test_passive_timeout(autojump_clock: trio.testing.MockClock) -> None:
    """PASSIVE for over 30 s: this instance forgets the update; it stays in the inbox for the ACTIVE one."""
    async with running_bot(passive=True) as bot:
        update_id = await bot.send(7)
        await trio.sleep(29.9)
        assert bot.logs.names(update_id) == ["ENQUEUED", "PASSIVE_WAIT"]
        await trio.sleep(0.2)
        assert bot.logs.names(update_id) == ["ENQUEUED", "PASSIVE_WAIT", "PASSIVE_DROP"]
        (dropped,) = bot.logs.of("PASSIVE_DROP")
        assert 30.0 <= dropped["held"] < 30.2
        assert update_id in bot.inbox.rows
        assert bot.calls() == []
