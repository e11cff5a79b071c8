"""After an outage: who writes now is answered within seconds, and who has waited is answered in order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import trio
import trio.testing

from svc.storage.inbox import Received
from tests.harness import RunningBot, running_bot
from tests.memory.large_inbox import LargeInbox
from tests.transports import FakeTransport

WAITING = 20_000
RATE = 30.0
# Sixteen are worked on at a time, so neighbours may change places.
NEIGHBOURS = 40


def start(update_id: int, user: int) -> Received:
    """A user's /start, as it comes from Telegram."""
    person = {"id": user, "is_bot": False, "first_name": "User"}
    chat = {"id": user, "type": "private"}
    message = {"message_id": update_id, "date": 1, "chat": chat, "from": person, "text": "/start"}
    payload = json.dumps({"update_id": update_id, "message": message}).encode()
    return Received(update_id, user, "message", payload, trio.current_time())


class AfterOutage:
    """A bot that begins with a backlog, and when each chat was answered. User N's first update is number N."""

    def __init__(self) -> None:
        self.inbox = LargeInbox()
        self.answered: dict[int, float] = {}
        self.order: list[int] = []
        self.next_id = 1_000_000

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Telegram, which takes everything."""
        chat_id = json.loads(request.content)["chat_id"]
        self.answered.setdefault(chat_id, trio.current_time())
        self.order.append(chat_id)
        return httpx.Response(200, json={"ok": True, "result": True})

    async def writes(self, bot: RunningBot, user: int) -> None:
        """A user writes, and the webhook of this instance stores it."""
        self.next_id += 1
        await bot.service._intake.accept(start(self.next_id, user))


@asynccontextmanager
async def after_outage(waiting: int = WAITING) -> AsyncIterator[tuple[AfterOutage, RunningBot]]:
    outage = AfterOutage()
    outage.inbox.fill(start(number, number) for number in range(1, waiting + 1))

    async def handle(request: httpx.Request) -> httpx.Response:
        await trio.sleep(0.05)
        return outage.answer(request)

    async with running_bot(inbox=outage.inbox, transport=lambda: FakeTransport(handle), send_rate=RATE) as bot:
        yield outage, bot


async def test_newcomers_are_answered_within_seconds_and_the_rest_oldest_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """20,000 wait at 30 a second, which takes eleven minutes: of 60 new people, one a second, each waits a moment."""
    async with after_outage() as (outage, bot):
        began = trio.current_time()
        wrote: dict[int, float] = {}
        for number in range(60):
            user = WAITING + 1 + number
            wrote[user] = trio.current_time()
            await outage.writes(bot, user)
            await trio.sleep(1)
        await trio.sleep(5)
        waits = [outage.answered[user] - wrote[user] for user in wrote]
        assert max(waits) < 3
        backlog = [user for user in outage.order if user <= WAITING]
        assert len(backlog) > RATE * (trio.current_time() - began) * 2 / 3
        assert all(abs(place - user) < NEIGHBOURS for place, user in enumerate(backlog))


async def test_newcomers_leave_most_of_the_rate_to_the_backlog(autojump_clock: trio.testing.MockClock) -> None:
    """Twice as many people write as could be answered: a third of all that is sent is theirs, and no more."""
    async with after_outage() as (outage, bot):
        for number in range(60 * 20):
            await outage.writes(bot, WAITING + 1 + number)
            await trio.sleep(0.05)
        newcomers = sum(user > WAITING for user in outage.order)
        assert 0.28 < newcomers / len(outage.order) < 0.36


async def test_newcomers_that_come_faster_than_their_share_wait_with_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """300 write at once beside a backlog of 600: the last are answered first, all of them in the end, each once."""
    async with after_outage(600) as (outage, bot):
        await trio.sleep(0.1)
        for number in range(300):
            await outage.writes(bot, 601 + number)
        await bot.settled()
        assert sorted(outage.order) == list(range(1, 901))
        assert min(user for user in outage.order[:150] if user > 600) > 850


async def test_without_a_backlog_first_come_is_first_served(autojump_clock: trio.testing.MockClock) -> None:
    """150 write at once and nobody has waited before: they are answered in the order in which they came."""
    async with after_outage(0) as (outage, bot):
        for number in range(1, 151):
            await outage.writes(bot, number)
        await bot.settled()
        assert sorted(outage.order) == list(range(1, 151))
        assert all(abs(place - user) < NEIGHBOURS for place, user in enumerate(outage.order))


async def test_a_chat_that_writes_again_keeps_its_place(autojump_clock: trio.testing.MockClock) -> None:
    """Somebody in the backlog writes once more: that is neither a newcomer's nor in front of what came before it."""
    async with after_outage(2000) as (outage, bot):
        await trio.sleep(1)
        await outage.writes(bot, 1900)
        await trio.sleep(20)
        assert 1900 not in outage.answered
        await bot.settled()
        assert outage.order.count(1900) == 2
        rank = outage.order.index(1900)
        assert rank > 1800
