"""What a worker makes of failures: retries with backoff, dead letters, doubts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing

from sandbox.answers import BLOCKED
from statemachine import State
from svc.bot.menu_bot import bot as menu_bot
from svc.bot.texts import ENGLISH
from svc.delivery.retry_policy import MAX_ATTEMPTS
from svc.handler.known import Known
from svc.handler.reply import Call, Reply
from telegram_client.updates import Update
from tests.harness import RunningBot, running_bot


def begun_at(bot: RunningBot) -> list[float]:
    """When each attempt reached Telegram, or would have."""
    return [call.at for call in bot.sandbox.telegram.call_log.find("sendMessage")]


async def test_backoff_doubles_up_to_a_minute(autojump_clock: trio.testing.MockClock) -> None:
    """While Telegram says 429, attempts come after 1, 2, 4, ... 60 s, less up to a quarter at random."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("error", status=429, count=9, method="sendMessage", description="Too Many Requests")
        await bot.send(7)
        await bot.settled()
        gaps = [later - earlier for earlier, later in pairwise(begun_at(bot))]
        for gap, full in zip(gaps, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
            assert 0.75 * full <= gap <= full + 0.1
        assert len({round(gap / full, 2) for gap, full in zip(gaps, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True)}) > 3
        assert len(bot.menus(7)) == 1


async def test_retry_after_is_obeyed(autojump_clock: trio.testing.MockClock) -> None:
    """A 429 with retry_after 37 is asked again no sooner, and soon after."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("flood", retry_after=37, method="sendMessage")
        await bot.send(7)
        await bot.settled()
        first, second = begun_at(bot)
        assert 37 <= second - first <= 37.2
        assert len(bot.menus(7)) == 1


async def test_other_chats_do_not_wait_for_a_blocked_one(autojump_clock: trio.testing.MockClock) -> None:
    """One chat under flood control, with many updates, holds up no other chat, and keeps its own order."""
    async with running_bot(workers=2) as bot:
        bot.sandbox.faults.order("flood", retry_after=60, chat_id=7)
        for _ in range(40):
            await bot.send(7)
        await trio.sleep(1)
        await bot.send(8)
        await trio.sleep(1)
        assert len(bot.menus(8)) == 1
        assert bot.menus(7) == []
        await bot.settled()
        assert len(bot.menus(7)) == 40
        done = [line["update_id"] for line in bot.logs.of("DONE") if line["chat_id"] == 7]
        assert done == sorted(done)


async def test_a_handler_that_raises_ends_in_a_dead_letter_and_an_apology(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Retried with backoff, then dead with its payload kept and the user told once; the workers live on."""

    def broken(update: Update) -> Reply:
        if update.message is not None and update.message.text == "boom":
            raise RuntimeError("no luck")
        return Reply((Call("sendMessage", {"chat_id": 7, "text": "fine"}),))

    async with running_bot(decide=broken, workers=1) as bot:
        update_id = await bot.send(7, "boom")
        await bot.settled()
        assert len(bot.logs.of("ACTIVE_PROCESS_START")) == MAX_ATTEMPTS
        payload, reason = bot.inbox.dead[update_id]
        assert b"boom" in payload.payload
        assert reason == "RuntimeError: no luck"
        await trio.sleep(1)
        assert [call.params["text"] for call in bot.calls()] == [ENGLISH.apology]
        await bot.send(7, "fine?")
        await bot.settled()
        assert bot.calls()[-1].params["text"] == "fine"


async def test_a_user_who_blocked_the_bot_is_not_asked_again(autojump_clock: trio.testing.MockClock) -> None:
    """403: refused, finished, not retried, and not dead."""
    async with running_bot(passive=True) as bot:
        update_id = await bot.send(7)
        bot.sandbox.telegram.refuse_chat(7, BLOCKED)
        bot.lock.unblock()
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "refused"
        assert len(begun_at(bot)) == 1


async def test_a_revoked_token_keeps_updates_for_replay(autojump_clock: trio.testing.MockClock) -> None:
    """401 is not the update's fault: it is dead with its payload, not lost."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("error", status=401, description="Unauthorized", method="sendMessage", count=None)
        update_id = await bot.send(7)
        await bot.settled()
        assert update_id in bot.inbox.dead


@pytest.mark.parametrize(
    ("fault", "options"),
    [("cut_after", {}), ("error_after", {"status": 504}), ("html", {}), ("error", {"status": 500}), ("hang", {})],
)
async def test_a_send_in_doubt_is_sent_again_and_said(
    fault: Any, options: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    """IN_DOUBT=resend: logged, counted, recorded in the row, and sent again."""
    async with running_bot(in_doubt="resend") as bot:
        bot.sandbox.faults.order(fault, method="sendMessage", **options)
        update_id = await bot.send(7)
        await bot.settled()
        assert bot.logs.names(update_id).count("IN_DOUBT") == 1
        assert bot.inbox.processed[update_id].doubts == 1
        # One more message than there should be only where the first one had arrived.
        assert len(bot.menus(7)) == (2 if fault.endswith("after") else 1)
        assert bot.metrics.registry.get_sample_value("svc_events_total", {"event": "IN_DOUBT"}) == 1


async def test_a_gateway_that_delivers_and_says_504_costs_one_more_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It always does: sent twice, then dead, said to be so, and kept. Other chats' updates are no worse off."""
    async with running_bot(in_doubt="resend") as bot:
        bot.sandbox.faults.order("error_after", status=504, method="sendMessage", chat_id=7, count=None)
        update_id = await bot.send(7)
        await bot.send(8)
        await bot.settled()
        assert len(bot.menus(7)) == 2
        assert bot.inbox.dead[update_id][1].startswith("it cannot be told whether it was sent")
        assert bot.inbox.processed[update_id].doubts == 2
        assert bot.logs.names(update_id).count("IN_DOUBT") == 2
        await trio.sleep(1)
        assert len(bot.calls("sendMessage", 7)) == 2, "an apology would be a third"
        assert len(bot.menus(8)) == 1


async def never(*_: Any) -> None:
    await trio.sleep_forever()


async def test_in_doubt_skip_repeats_a_harmless_edit(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether the page was edited, since its record never came: it is edited again, under every policy."""

    def only_edits(update: Update) -> Reply:
        # What the menu sends where the edit is refused would be in doubt.
        return replace(menu_bot.decide(update, Known()), instead=())

    async with running_bot(in_doubt="skip", decide=only_edits) as bot:
        await bot.send(7)
        await bot.settled()
        (menu,) = bot.sandbox.telegram.messages(7)[1:]
        bot.sandbox.telegram.user_presses(7, 7, menu["message_id"], "category:audio")
        with monkeypatch.context() as lost:
            lost.setattr(bot.inbox, "settle", never)
            while not bot.calls("editMessageText"):
                await trio.sleep(0.01)
            assert bot.lock.holder is not None
            bot.lock.holder.abandon()
            await bot.state(State.PASSIVE)
        await bot.settled()
        assert len(bot.sandbox.telegram.call_log.find("editMessageText")) == 2
        assert {row.outcome for row in bot.inbox.processed.values()} == {"done"}
        assert sum(row.doubts for row in bot.inbox.processed.values()) == 0


async def test_in_doubt_skip_never_sends_twice(autojump_clock: trio.testing.MockClock) -> None:
    """IN_DOUBT=skip: logged and recorded, and not sent again."""
    async with running_bot(in_doubt="skip") as bot:
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        update_id = await bot.send(7)
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "in_doubt"
        assert len(bot.menus(7)) == 1
        assert bot.logs.names(update_id).count("IN_DOUBT") == 1


async def test_a_harmless_call_is_repeated_and_not_in_doubt(autojump_clock: trio.testing.MockClock) -> None:
    """An edit whose answer was lost is made again: nothing about it is in doubt."""
    async with running_bot() as bot:
        await bot.send(7)
        await bot.settled()
        (menu,) = bot.sandbox.telegram.messages(7)[1:]
        bot.sandbox.faults.order("cut_after", method="editMessageText")
        bot.sandbox.telegram.user_presses(7, 7, menu["message_id"], "category:audio")
        await bot.settled()
        assert bot.logs.of("IN_DOUBT") == []
        assert "Audio" in bot.sandbox.telegram.messages(7)[1]["text"]
        assert all(press.answered for press in bot.sandbox.telegram.presses(7))


async def test_database_loss_while_working_costs_time_only(autojump_clock: trio.testing.MockClock) -> None:
    """Away in the middle of work: the webhook says 503, Telegram keeps; back, everyone gets one menu."""
    async with running_bot(latency=0.5) as bot:
        for user in range(1, 11):
            await bot.send(user)
        await trio.sleep(0.3)
        bot.inbox.go_away()
        for user in range(11, 21):
            await bot.send(user)
        await trio.sleep(5)
        assert len(bot.logs.of("NOT_STORED")) > 0
        bot.inbox.come_back()
        await bot.settled()
        assert [len(bot.menus(user)) for user in range(1, 21)] == [1] * 20
