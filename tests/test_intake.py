"""Where updates come from, in the whole bot: the webhook kept at Telegram, or polling."""

from __future__ import annotations

import trio
import trio.testing

from statemachine import State
from tests.harness import running_bot


async def test_active_sets_the_webhook_once_and_passive_never(autojump_clock: trio.testing.MockClock) -> None:
    """WEBHOOK_URL: set when ACTIVE begins, not again, pending updates kept; a PASSIVE instance calls nothing."""
    async with running_bot(passive=True, webhook_url="https://bot.example/webhook") as bot:
        await bot.send(7)
        await trio.sleep(5)
        assert [call.method for call in bot.sandbox.telegram.journal] == ["setWebhook"]  # the harness's own
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        await bot.settled()
        await trio.sleep(300)
        settings = [call for call in bot.sandbox.telegram.journal if call.method == "setWebhook"][1:]
        assert len(settings) == 1
        assert settings[0].params["drop_pending_updates"] is False
        assert len(bot.menus(7)) == 1


async def test_polling_needs_no_webhook(autojump_clock: trio.testing.MockClock) -> None:
    """INTAKE=polling: every /start gets one menu, also across a drain and a second instance."""
    async with running_bot(intake="polling") as bot:
        bot.sandbox.telegram.call(bot.sandbox.telegram.bot().token, "deleteWebhook", {})
        for user in range(1, 31):
            await bot.send(user)
        await bot.settled()
        assert [len(bot.menus(user)) for user in range(1, 31)] == [1] * 30
        started = trio.current_time()
        await bot.drain()
        assert trio.current_time() - started < 1


async def test_polling_names_the_webhook_in_its_way(autojump_clock: trio.testing.MockClock) -> None:
    """A webhook that is still set is named in one line, and not removed."""
    async with running_bot(intake="polling") as bot:
        await trio.sleep(30)
        (first, *_) = bot.logs.of("POLL_CONFLICT")
        assert "https://bot.example/webhook" in first["reason"]
        assert bot.sandbox.telegram.bot().webhook is not None
