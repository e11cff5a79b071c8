"""The original bot's definition of done, point by point."""

from __future__ import annotations

import trio

from sandbox.app import Sandbox
from statemachine import State
from tests.harness import running_bot
from tests.memory.inbox import MemoryInbox


async def test_passive_sends_no_messages(autojump_clock: trio.testing.MockClock) -> None:
    """PASSIVE = NO MESSAGES: while another one holds the lock, no Bot API call but getMe, which changes nothing."""
    async with running_bot(passive=True) as bot:
        for user in range(1, 51):
            await bot.send(user)
        await trio.sleep(120)
        assert len(bot.inbox.rows) == 50
        assert bot.sandbox.telegram.call_log.find("sendMessage") == []
        first, *others = [call.method for call in bot.sandbox.telegram.call_log]
        assert (first, set(others)) == ("setWebhook", {"getMe"})  # the first one is the harness's own


async def test_one_start_is_one_menu(autojump_clock: trio.testing.MockClock) -> None:
    """ONE /start = ONE MENU: one message, which is the greeting and has the buttons."""
    async with running_bot() as bot:
        await bot.send(7)
        await bot.settled()
        (menu,) = bot.calls(chat_id=7)
        assert "50" in menu.params["text"]
        assert len(menu.params["reply_markup"]["inline_keyboard"]) >= 4


async def test_no_duplicates_even_across_restarts(autojump_clock: trio.testing.MockClock) -> None:
    """NO DUPLICATES: the same update delivered again, also to a restarted instance, has no second effect."""
    sandbox, inbox = Sandbox(), MemoryInbox()
    async with running_bot(sandbox=sandbox, inbox=inbox) as bot:
        sandbox.sender.lose_answers(3)
        update_id = await bot.send(7)
        await bot.settled()
        assert len(bot.menus(7)) == 1
        assert bot.logs.names(update_id).count("DUPLICATE") == 3
        await bot.drain()
    async with running_bot(sandbox=sandbox, inbox=inbox) as bot:
        sandbox.sender.lose_answers(1)
        await bot.send(8)
        await bot.settled()
        assert len(bot.menus(7)) == 1
        assert len(bot.menus(8)) == 1


async def test_always_a_menu(autojump_clock: trio.testing.MockClock) -> None:
    """ALWAYS MENU: the log shows MAIN_MENU_SENT for each /start, through refusals of the network and of Telegram."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("flood", count=5, retry_after=3)
        bot.sandbox.faults.order("cut_before", count=5)
        for user in range(1, 41):
            await bot.send(user)
        await bot.settled()
        assert sorted(line["user_id"] for line in bot.logs.of("MAIN_MENU_SENT")) == list(range(1, 41))
        assert all(len(bot.menus(user)) == 1 for user in range(1, 41))


async def test_fast_http(autojump_clock: trio.testing.MockClock) -> None:
    """FAST HTTP: the webhook answers without waiting for the Bot API, however slow that is."""
    async with running_bot(latency=8.0) as bot:
        for user in range(1, 31):
            await bot.send(user)
        await trio.sleep(0.5)
        assert bot.sandbox.telegram.bot().pending == {}
        assert bot.calls() == []
        ack_sum = bot.metrics.registry.get_sample_value("svc_ack_seconds_sum")
        assert ack_sum is not None
        assert ack_sum < 0.05


async def test_active_gate(autojump_clock: trio.testing.MockClock) -> None:
    """ACTIVE GATE: workers do nothing until ACTIVE, then all of them work side by side."""
    async with running_bot(passive=True, latency=1.0, workers=16) as bot:
        for user in range(1, 17):
            await bot.send(user)
        await trio.sleep(10)
        assert bot.logs.of("ACTIVE_PROCESS_START") == []
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        became_active = trio.current_time()
        await bot.settled()
        assert {line["worker"] for line in bot.logs.of("ACTIVE_PROCESS_START")} == {
            f"WORKER_{number}" for number in range(16)
        }
        # One after the other they would take 32 s.
        assert trio.current_time() - became_active < 3.0
