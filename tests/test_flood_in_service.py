"""Flood control in the whole bot: waiting comes before `begin`, and delays no other chat."""

from __future__ import annotations

import trio
import trio.testing

from sandbox.answers import upgraded
from statemachine import State
from svc.handler.reply import Reply
from svc.queue.places import CHATS
from telegram_client.updates import Update
from tests.harness import RunningBot, running_bot


def sent_at(bot: RunningBot, chat_id: int | None = None) -> list[float]:
    """When each message left."""
    return [call.at for call in bot.calls("sendMessage", chat_id)]


def most_within(times: list[float], seconds: float) -> int:
    """The largest number of them in any window of that length."""
    return max(sum(start <= time < start + seconds for time in times) for start in times)


async def test_the_overall_rate_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    """SEND_RATE=30: a rush of 150 users is served at 30 a second, everybody once, and nothing is ever in doubt."""
    async with running_bot(send_rate=30.0) as bot:
        for user in range(1, 151):
            await bot.send(user)
        await bot.settled()
        times = sent_at(bot)
        assert len(times) == 150
        assert most_within(times, 0.999) <= 30
        assert times[-1] - times[0] < 6
        assert bot.logs.of("IN_DOUBT") == []


async def test_a_chat_at_its_limit_waits_in_the_inbox_and_alone(autojump_clock: trio.testing.MockClock) -> None:
    """One a second with bursts; what waits is pending, not begun; the single worker serves others meanwhile."""
    async with running_bot(send_rate_chat=1.0, workers=1) as bot:
        for _ in range(8):
            await bot.send(7)
        await trio.sleep(0.5)
        burst = len(sent_at(bot, 7))
        assert burst < 8
        assert {row.state for row in bot.inbox.rows.values()} == {"pending"}
        await bot.send(8)
        await trio.sleep(0.1)
        assert len(sent_at(bot, 8)) == 1
        await bot.settled()
        times = sent_at(bot, 7)
        assert len(times) == 8
        assert most_within(times, 4.0) <= burst + 4
        assert times[-1] - times[0] < 8


async def test_a_group_gets_twenty_a_minute(autojump_clock: trio.testing.MockClock) -> None:
    """SEND_RATE_GROUP=20: thirty commands in a group take over half a minute, in order."""
    async with running_bot(send_rate_group=20.0) as bot:
        for _ in range(30):
            await bot.send(7, chat_type="group", chat_id=-100)
        await bot.settled()
        times = sent_at(bot, -100)
        assert len(times) == 30
        assert most_within(times, 59.9) <= 20


async def test_a_429_pauses_its_chat_before_the_next_begin(autojump_clock: trio.testing.MockClock) -> None:
    """Telegram says wait 30 s for a chat: its next update is not even begun before, another chat's is at once."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("flood", method="sendMessage", retry_after=30, chat_id=7)
        first = await bot.send(7)
        await trio.sleep(1)
        assert bot.service._flood.delay(7) > 28
        second = await bot.send(7)
        await bot.send(8)
        await trio.sleep(10)
        assert len(sent_at(bot, 8)) == 1
        assert bot.inbox.rows[second].attempts == 0
        assert bot.inbox.rows[first].attempts == 1
        await bot.settled()
        assert len(sent_at(bot, 7)) == 2


async def test_a_harmless_call_in_doubt_is_made_again_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """The answer to a press is lost twice: it is given again within the second, in the same attempt."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("cut_after", count=2, method="answerCallbackQuery")
        await bot.send(7)
        await bot.settled()
        menu = bot.sandbox.telegram.messages(7)[-1]
        started = trio.current_time()
        bot.sandbox.telegram.user_presses(7, 7, menu["message_id"], "category:music")
        await bot.settled()
        assert trio.current_time() - started < 1.0
        assert bot.logs.of("RETRY") == []


async def test_a_group_that_became_a_supergroup_is_followed(autojump_clock: trio.testing.MockClock) -> None:
    """The refusal names the new id: the message goes there, in the same attempt."""
    async with running_bot() as bot:
        await bot.send(7, chat_type="group", chat_id=-100)
        await bot.settled()
        await bot.send(7, chat_type="supergroup", chat_id=-100200)
        await bot.settled()
        before = len(bot.calls("sendMessage", -100200))
        bot.sandbox.telegram.refuse_chat(-100, upgraded(-100200))
        update_id = await bot.send(7, chat_type="group", chat_id=-100)
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "done"
        assert len(bot.calls("sendMessage", -100200)) == before + 1


async def test_a_crowd_that_is_held_keeps_nobody_out(autojump_clock: trio.testing.MockClock) -> None:
    """More chats are paused, each by a 429 of its own, than the queue has places: another user is served at once."""
    async with running_bot() as bot:
        now = trio.current_time()
        for number in range(1, CHATS + 200):
            bot.service._flood.limits.pause(10_000, number, now=now - 2 * number)
            await bot.send(number)
        await trio.sleep(60)
        assert sent_at(bot) == []
        started = trio.current_time()
        await bot.send(5000)
        while not bot.menus(5000):
            await trio.sleep(0.01)
        assert trio.current_time() - started < 2
        assert {row.state for row in bot.inbox.rows.values()} == {"pending"}


async def test_a_drain_does_not_wait_for_flood_control(autojump_clock: trio.testing.MockClock) -> None:
    """Everything is paused for half a minute: an update that only waits for its turn stays in the inbox, pending."""
    async with running_bot(latency=0.1) as bot:
        bot.sandbox.faults.order("flood", method="sendMessage", retry_after=30, count=2)
        for user in (7, 8, 9, 10):
            await bot.send(user)
        await trio.sleep(2)
        waiting = await bot.send(11)
        await trio.sleep(1)
        started = trio.current_time()
        await bot.drain()
        assert trio.current_time() - started < 0.5
        assert {row.state for row in bot.inbox.rows.values()} == {"pending"}
        assert bot.inbox.rows[waiting].attempts == 0


async def test_the_time_for_a_reply_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    """Telegram takes every call and answers none: after 15 s the worker is free again, and the row waits."""
    async with running_bot() as bot:
        await bot.send(7)
        await bot.settled()
        await trio.sleep(1)  # the calls with which a term begins come a moment after its first menus
        menu = bot.sandbox.telegram.messages(7)[-1]
        bot.sandbox.faults.order("hang", count=4)
        started = trio.current_time()
        bot.sandbox.telegram.user_presses(7, 7, menu["message_id"], "category:music")
        await trio.sleep(15.5)
        (row,) = bot.inbox.rows.values()
        assert row.state == "pending"
        assert bot.logs.of("RETRY")
        await bot.settled()
        assert trio.current_time() - started > 15


async def test_an_apology_keeps_to_the_pace_too(autojump_clock: trio.testing.MockClock) -> None:
    """A hundred users whose updates nobody can handle are told at 30 a second; 429s among them do no harm."""

    def broken(update: Update) -> Reply:
        raise RuntimeError("no luck")

    async with running_bot(send_rate=30.0, decide=broken) as bot:
        bot.sandbox.faults.order("flood", method="sendMessage", retry_after=2)
        for user in range(1, 101):
            await bot.send(user)
        await bot.settled()
        await trio.sleep(10)
        assert most_within(sent_at(bot), 0.999) <= 30
        assert len(sent_at(bot)) >= 90
        assert bot.service.lifecycle.state is State.ACTIVE
