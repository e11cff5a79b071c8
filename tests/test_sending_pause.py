"""A bot that Telegram does not know sends nothing, loses nothing, and says so until it is known again."""

from __future__ import annotations

import httpx
import pytest
import trio
import trio.testing

from sandbox.telegram import DEMO_TOKEN
from statemachine import State
from svc.delivery.retry_policy import MAX_ATTEMPTS
from svc.delivery.sending_pause import ASK_TIMEOUT, LONGEST_PAUSE
from tests.harness import RunningBot, running_bot
from tests.transports import FakeTransport

USERS = range(1, 201)


def paused(bot: RunningBot) -> float | None:
    """What the metric says."""
    return bot.metrics.registry.get_sample_value("svc_paused")


async def health(bot: RunningBot) -> dict[str, str]:
    """What /healthz says."""
    answer = await bot.service.app.test_client().get("/healthz")
    assert answer.status_code == 200
    body: dict[str, str] = await answer.get_json()
    return body


def sends(bot: RunningBot) -> int:
    """How many messages have been tried so far."""
    return len(bot.sandbox.telegram.call_log.find("sendMessage"))


def unauthorized(bot: RunningBot) -> None:
    """The token is revoked."""
    bot.sandbox.faults.order("error", status=401, description="Unauthorized", count=None)


async def test_a_revoked_token_pauses_and_nothing_dies(autojump_clock: trio.testing.MockClock) -> None:
    """A backlog of 200 is tried by as many as there are workers, and waits; two minutes later the token is good again,
    and everybody has their menu soon."""
    async with running_bot(passive=True) as bot:
        for user in USERS:
            await bot.send(user)
        await trio.sleep(5)
        unauthorized(bot)
        bot.lock.unblock()
        await trio.sleep(120)
        assert len(bot.inbox.rows) == len(USERS)
        assert sends(bot) <= bot.service._settings.workers
        assert bot.logs.of("BOT_PAUSED")[0]["level"] == "error"
        assert "401 Unauthorized" in bot.logs.of("BOT_PAUSED")[0]["reason"]
        assert paused(bot) == 1
        assert "401" in (await health(bot))["paused"]
        assert bot.inbox.paused is not None

        bot.sandbox.faults.clear()
        back = trio.current_time()
        await bot.settled()
        assert trio.current_time() <= back + LONGEST_PAUSE + 60
        assert [len(bot.menus(user)) for user in USERS] == [1] * len(USERS)
        assert bot.inbox.dead == {}
        assert len(bot.logs.of("BOT_RESUMED")) == 1
        await trio.sleep(1)
        assert paused(bot) == 0
        assert "paused" not in await health(bot)
        assert bot.inbox.paused is None


async def test_an_update_that_is_at_fault_itself_dies_alone(autojump_clock: trio.testing.MockClock) -> None:
    """Its call is refused with 404, and getMe is fine: it has its attempts, and is dead. Nobody waits for it."""
    async with running_bot() as bot:
        bot.sandbox.faults.order(
            "error", status=404, description="Not Found: method not found", method="sendMessage", chat_id=7, count=None
        )
        update_id = await bot.send(7)
        await trio.sleep(1)
        for user in (8, 9):
            await bot.send(user)
        await bot.settled()
        assert update_id in bot.inbox.dead
        assert bot.inbox.processed[update_id].attempts == MAX_ATTEMPTS
        assert bot.logs.of("BOT_PAUSED") == []
        assert [len(bot.menus(user)) for user in (8, 9)] == [1, 1]
        assert paused(bot) == 0


async def test_nothing_dies_where_getme_does_not_answer(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody knows whose fault it is: no pause, and no dead letter however often it is tried."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("error", status=401, description="Unauthorized", method="sendMessage", count=None)
        bot.sandbox.faults.order("error", status=500, method="getMe", count=None)
        await bot.send(7)
        await trio.sleep(300)
        assert sends(bot) > MAX_ATTEMPTS + 2
        assert bot.logs.of("BOT_PAUSED") == []
        bot.sandbox.faults.clear()
        await bot.settled()
        assert len(bot.menus(7)) == 1


async def test_nothing_is_begun_while_the_bot_is_suspect(autojump_clock: trio.testing.MockClock) -> None:
    """One was refused, and getMe takes its time: the others wait for the answer, or for as long as it may take."""
    async with running_bot() as bot:
        bot.sandbox.faults.order("error", status=401, description="Unauthorized", method="sendMessage", chat_id=1)
        bot.sandbox.faults.order("hang", method="getMe")
        await bot.send(1)
        refused = trio.current_time()
        await trio.sleep(0.1)
        await bot.send(2)
        while not bot.menus(2):
            await trio.sleep(0.1)
        assert trio.current_time() - refused == pytest.approx(ASK_TIMEOUT, abs=0.2)
        await bot.settled()


async def test_an_address_that_is_not_the_bot_apis_pauses(autojump_clock: trio.testing.MockClock) -> None:
    """A server that knows nothing of Telegram answers 404 with a page of its own."""

    def page(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404, text="<html>Not Found</html>")

    async with running_bot(transport=lambda: FakeTransport(page)) as bot:
        for user in USERS:
            await bot.send(user)
        await trio.sleep(60)
        assert len(bot.logs.of("IN_DOUBT")) <= bot.service._settings.workers
        assert bot.inbox.dead == {}
        assert paused(bot) == 1


async def test_a_press_is_answered_after_a_pause(autojump_clock: trio.testing.MockClock) -> None:
    """What is refused of an answer to a press matters to nobody, but for a token that is wrong."""
    async with running_bot() as bot:
        await bot.send(7)
        await bot.settled()
        (menu,) = bot.sandbox.telegram.messages(7)[1:]
        unauthorized(bot)
        bot.sandbox.telegram.user_presses(7, 7, menu["message_id"], "no such page")
        await trio.sleep(60)
        assert len(bot.inbox.rows) == 1
        bot.sandbox.faults.clear()
        await bot.settled()
        assert all(press.answered for press in bot.sandbox.telegram.presses(7))


async def test_a_drain_ends_the_wait(autojump_clock: trio.testing.MockClock) -> None:
    """An instance that is paused ends as quickly as any other, and leaves the rest in the inbox."""
    async with running_bot() as bot:
        unauthorized(bot)
        for user in USERS:
            await bot.send(user)
        await trio.sleep(60)
        began = trio.current_time()
        bot.service.lifecycle.drain("SIGTERM")
        await bot.ended.wait()
        assert trio.current_time() - began <= bot.service._settings.linger + 1
        assert len(bot.inbox.rows) == len(USERS)


async def test_the_next_term_begins_paused_and_says_so(autojump_clock: trio.testing.MockClock) -> None:
    """It tries nothing before getMe has answered. Meanwhile, not leading, this instance is not shown as paused."""
    async with running_bot() as bot:
        unauthorized(bot)
        await bot.send(7)
        await trio.sleep(60)
        before = sends(bot)
        assert bot.lock.holder is not None
        bot.lock.blocked = True
        bot.lock.holder.abandon()
        await bot.state(State.PASSIVE)
        await trio.sleep(1)
        assert paused(bot) == 0
        assert "paused" not in await health(bot)
        bot.inbox.paused = ""
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        await trio.sleep(60)
        assert sends(bot) == before
        assert paused(bot) == 1
        assert "401" in bot.inbox.paused
        said = [line["epoch"] for line in bot.logs.of("STATE") if line["to"] == "ACTIVE"]
        assert said == [1, 2]


async def test_what_a_former_leader_has_noted_is_replaced(autojump_clock: trio.testing.MockClock) -> None:
    """It was paused and died; this one is not, and `svc status` must not say so for ever. Also after an outage."""
    async with running_bot(passive=True) as bot:
        bot.inbox.paused = "Refused: getMe: 401 Unauthorized"
        bot.lock.unblock()
        await bot.state(State.ACTIVE)
        bot.inbox.go_away()
        await trio.sleep(1.5)
        bot.inbox.come_back()
        await trio.sleep(5)
        assert bot.inbox.paused is None


async def test_the_reason_holds_no_token(autojump_clock: trio.testing.MockClock) -> None:
    """/healthz is read by anybody in the network."""
    async with running_bot(masked=False) as bot:
        unauthorized(bot)
        await bot.send(7)
        await trio.sleep(60)
        assert DEMO_TOKEN not in (await health(bot))["paused"]
