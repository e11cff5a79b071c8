"""Whole bots under the mock clock that obey operators' orders: pauses of sending, of models, and stepping down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
import trio.testing

from statemachine import State
from svc.leadership.orders_heard import OrdersHeard
from svc.leadership.stepping_down import STAND_BACK_FOR
from svc.storage.inbox import Attempt, Begun
from svc.storage.orders import NO_ORDERS, Orders, Pause, PauseScope, StepDown
from tests.fake_provider import Script
from tests.harness import RunningBot, running_bot, second_bot
from tests.jobs_world import JobBot, JobsWorld
from tests.memory.inbox import InboxOfTwoSteps, MemoryInbox
from tests.probes import probes
from tests.test_sending_pause import health, paused, unauthorized

USERS = range(1, 41)
# An order is heard with the next heartbeat.
HEARD = 1.0


def pause_of(scope: PauseScope = "sending", name: str = "") -> Pause:
    return Pause(scope, name, "the menu is wrong", "anna@host", 0.0)


async def order(inbox: MemoryInbox, *pauses: Pause) -> None:
    """These pauses are all that stand from now on; returns when they have been heard."""
    inbox.orders = replace(inbox.orders, pauses=pauses)
    await trio.sleep(HEARD)


def sends(bot: RunningBot) -> int:
    """How many calls that a person sees have been made."""
    log = bot.sandbox.telegram.call_log
    return sum(not call.method.startswith(("get", "set")) for call in log)


# What is heard


def test_old_news_lifts_no_pause() -> None:
    """A heartbeat was under way when the term began that knows of a pause; its answer comes late, and says nothing of
    it. What was asked for afterwards is believed."""
    told: list[Pause | None] = []
    orders = OrdersHeard(told.append)
    heartbeat = orders.asking()
    orders.hear(Orders((pause_of(),)), orders.asking())
    orders.hear(NO_ORDERS, heartbeat)
    assert told == [pause_of(), pause_of()]
    orders.hear(NO_ORDERS, orders.asking())
    assert told[-1] is None


# Pausing all sending


async def test_while_sending_is_paused_nothing_is_begun(autojump_clock: trio.testing.MockClock) -> None:
    """What people write is stored and acknowledged, a press waits too, and operators see who has paused it and why.
    When it ends everybody is answered once, at once."""
    async with running_bot() as bot:
        await bot.send(7)
        await bot.settled()
        (menu,) = bot.sandbox.telegram.messages(7)[1:]
        await order(bot.inbox, pause_of())
        before = sends(bot)
        for user in USERS:
            await bot.send(user)
        await trio.sleep(600)
        bot.sandbox.telegram.user_presses(7, 7, menu["message_id"], "no such page")
        await trio.sleep(5)
        assert sends(bot) == before
        assert bot.sandbox.telegram.bot().pending == {}
        assert len(bot.inbox.rows) == len(USERS) + 1
        assert (bot.inbox.paused, bot.inbox.paused_by) == ("anna@host: the menu is wrong", "anna@host")
        assert (await health(bot))["paused"] == bot.inbox.paused
        assert paused(bot) == 1
        (said,) = bot.logs.of("SENDING_PAUSED")
        assert (said["by"], said["reason"]) == ("anna@host", "the menu is wrong")

        await order(bot.inbox)
        resumed = trio.current_time()
        await bot.settled()
        assert trio.current_time() - resumed < HEARD
        assert [len(bot.menus(user)) for user in USERS] == [2 if user == 7 else 1 for user in USERS]
        assert all(press.answered for press in bot.sandbox.telegram.presses(7))
        assert len(bot.logs.of("SENDING_RESUMED")) == 1
        assert bot.logs.of("BOT_PAUSED") == bot.logs.errors() == []
        await trio.sleep(HEARD)
        assert paused(bot) == 0
        assert "paused" not in await health(bot)


async def test_what_is_in_flight_is_finished(autojump_clock: trio.testing.MockClock) -> None:
    """The pause comes while a message is on its way: it arrives, and its update is done."""
    async with running_bot(latency=3.0) as bot:
        update_id = await bot.send(7)
        await trio.sleep(0.5)
        await order(bot.inbox, pause_of())
        await bot.settled()
        assert bot.inbox.processed[update_id].outcome == "done"
        assert len(bot.menus(7)) == 1


async def test_what_is_just_being_begun_is_put_back(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database takes its time over `begin`, and the pause comes meanwhile: nothing is sent, nothing is in doubt."""
    begin = MemoryInbox.begin

    async def slow(inbox: MemoryInbox, attempt: Attempt) -> Begun:
        begun = await begin(inbox, attempt)
        await trio.sleep(3)
        return begun

    monkeypatch.setattr(MemoryInbox, "begin", slow)
    async with running_bot(inbox=InboxOfTwoSteps()) as bot:
        update_id = await bot.send(7)
        await trio.sleep(0.5)
        await order(bot.inbox, pause_of())
        await trio.sleep(60)
        assert sends(bot) == 0
        await order(bot.inbox)
        await bot.settled()
        assert len(bot.menus(7)) == 1
        assert (bot.inbox.processed[update_id].outcome, bot.inbox.processed[update_id].doubts) == ("done", 0)


async def test_a_chats_backlog_goes_out_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """After the pause too flood control gives the turns."""
    async with running_bot(send_rate_chat=1.0) as bot:
        await order(bot.inbox, pause_of())
        for _ in range(10):
            await bot.send(7)
        await trio.sleep(60)
        resumed = trio.current_time()
        await order(bot.inbox)
        await bot.settled()
        assert len(bot.menus(7)) == 10
        assert trio.current_time() - resumed > 4
        assert [row.at for _, row in sorted(bot.inbox.processed.items())] == sorted(
            row.at for row in bot.inbox.processed.values()
        )


async def test_either_pause_holds(autojump_clock: trio.testing.MockClock) -> None:
    """The token is revoked and an operator pauses: the end of one of them does not end the other."""
    async with running_bot() as bot:
        unauthorized(bot)
        await bot.send(7)
        await trio.sleep(5)
        await order(bot.inbox, pause_of())
        assert "anna@host" in (await health(bot))["paused"]
        assert "401" in (await health(bot))["paused"]
        before = sends(bot)
        await order(bot.inbox)
        await trio.sleep(60)
        assert (sends(bot), bot.inbox.paused_by) == (before, None)
        assert "401" in (bot.inbox.paused or "")
        await order(bot.inbox, pause_of())
        bot.sandbox.faults.clear()
        await trio.sleep(60)
        assert len(bot.logs.of("BOT_RESUMED")) == 1
        assert (sends(bot), paused(bot)) == (before, 1)
        await order(bot.inbox)
        await bot.settled()
        assert len(bot.menus(7)) == 1


async def test_nothing_is_looked_for_while_sending_is_paused(autojump_clock: trio.testing.MockClock) -> None:
    """A menu's answer is lost right before the pause: no probe is made until it ends, and then it is found."""
    async with running_bot() as bot:
        await bot.send(8)
        await bot.settled()
        bot.sandbox.faults.order("cut_after", method="sendMessage")
        await bot.send(7)
        await trio.sleep(0.1)
        bot.inbox.orders = Orders((pause_of(),))
        await trio.sleep(300)
        assert probes(bot.sandbox.telegram) == []
        await order(bot.inbox)
        await bot.settled()
        assert len(bot.menus(7)) == 1
        assert len(bot.logs.of("FOUND")) == 1


async def test_nobody_is_apologised_to_while_sending_is_paused(autojump_clock: trio.testing.MockClock) -> None:
    """An apology is a message like any: the update waits for it."""

    def fail(*_: object) -> None:
        raise RuntimeError("no luck")

    async with running_bot(decide=fail) as bot:  # type: ignore[arg-type]
        await order(bot.inbox, pause_of())
        update_id = await bot.send(7)
        await trio.sleep(300)
        assert sends(bot) == 0
        await order(bot.inbox)
        await bot.settled()
        assert update_id in bot.inbox.dead


async def test_a_new_leader_begins_paused(autojump_clock: trio.testing.MockClock) -> None:
    """Handovers and restarts change nothing, and no message slips out in between."""
    async with running_bot(instance_id="one") as one:
        await order(one.inbox, pause_of())
        for user in USERS:
            await one.send(user)
        async with second_bot(one, instance_id="two") as two:
            await one.drain()
            await two.state(State.ACTIVE)
            await trio.sleep(60)
            assert sends(two) == 0
            assert two.inbox.paused_by == "anna@host"
            assert paused(two) == 1
            await order(two.inbox)
            while two.inbox.rows:
                await trio.sleep(0.1)
            assert [len(two.menus(user)) for user in USERS] == [1] * len(USERS)


async def test_jobs_go_on_and_their_ends_wait(autojump_clock: trio.testing.MockClock) -> None:
    """What the provider has is followed to its end, with no edit that shows it; the result comes after the pause."""
    world = JobsWorld()
    world.provider.usual = Script(takes=20.0)
    async with world.running() as bot:
        await bot.send(7, "a cat")
        await trio.sleep(5)
        await order(world.inbox, pause_of())
        before = sends(bot)
        await trio.sleep(60)
        assert sends(bot) == before
        assert world.job.job.state == "ready"
        await order(world.inbox)
        await world.ended()
        assert len(world.results()) == 1


# Pausing a provider or a model


async def test_a_paused_model_is_not_created(autojump_clock: trio.testing.MockClock) -> None:
    """A job that was asked for waits, whichever instance leads, and is created when the pause ends."""
    world = JobsWorld()
    async with world.running() as bot:
        await order(world.inbox, pause_of("model", "some-model"))
        await bot.send(7, "a cat")
        await trio.sleep(120)
        assert world.job.job.state == "wanted"
        assert world.provider.creates == []
        resumed = trio.current_time()
        await order(world.inbox)
        await world.ended()
        (task,) = world.provider.tasks.values()
        assert task.created_at - resumed < HEARD
        assert len(world.results()) == 1


async def test_a_pause_that_outlasts_a_job_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """At its deadline the person hears that it was paused, and not that it was slow."""
    world = JobsWorld()
    world.bot = JobBot(seconds=60.0)
    async with world.running() as bot:
        await order(world.inbox, pause_of("provider", "kie"))
        await bot.send(7, "a cat")
        await world.ended()
        assert 60 <= trio.current_time() < 70
        assert world.statuses()[-1] == "failed: paused"
        assert world.provider.creates == []


async def test_an_announced_pause_is_heard_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Whenever it comes between two heartbeats: what is announced is not waited for."""
    async with running_bot() as bot:
        await bot.send(7)
        await bot.settled()
        for past in (0.1, 0.3, 0.5, 0.65):
            await trio.sleep(10 + past)
            bot.inbox.orders = Orders((pause_of(),))
            bot.lock.notify_orders()
            await trio.sleep(0.05)
            assert bot.inbox.paused_by == "anna@host"
            bot.inbox.orders = NO_ORDERS
            bot.lock.notify_orders()
            await trio.sleep(0.05)
            assert bot.inbox.paused_by is None


# Stepping down


@asynccontextmanager
async def two_bots() -> AsyncIterator[tuple[RunningBot, RunningBot]]:
    """The first one leads and the second one waits; neither ever steps down by itself."""
    async with (
        running_bot(instance_id="one", step_down_after=0.0, latency=0.3) as one,
        second_bot(one, instance_id="two", step_down_after=0.0, latency=0.3) as two,
    ):
        await trio.sleep(10)
        yield one, two


def step_down(inbox: MemoryInbox) -> None:
    """An operator wants the current term to be given up."""
    assert inbox.term is not None
    inbox.orders = replace(inbox.orders, step_down=StepDown(inbox.term.epoch, "anna@host"))


async def test_the_lead_is_handed_over_by_order(autojump_clock: trio.testing.MockClock) -> None:
    """Under load: what is in flight is finished, nothing is in doubt, and everybody has one menu. The one that stepped
    down is the next one's standby, and does not take the lead back."""
    async with two_bots() as (one, two):
        for user in USERS:
            await one.send(user)
        step_down(one.inbox)
        await two.state(State.ACTIVE)
        await one.settled()
        assert [len(one.menus(user)) for user in USERS] == [1] * len(USERS)
        assert not any(row.doubts for row in one.inbox.processed.values())
        assert two.logs.of("IN_DOUBT") == two.logs.of("UNCLEAR") == two.logs.of("LOCK_LOST") == []
        (said,) = two.logs.of("STEP_DOWN")
        assert (said["by"], said["epoch"]) == ("anna@host", 1)
        left = [line for line in two.logs.of("STATE") if line["from"] == "ACTIVE"]
        assert [line["reason"] for line in left] == ["an operator wants it: anna@host"]
        assert one.inbox.orders.step_down is None
        await trio.sleep(60)
        assert (one.service.lifecycle.state, two.service.lifecycle.state) == (State.PASSIVE, State.ACTIVE)
        await two.drain()
        await one.state(State.ACTIVE)


async def test_an_order_waits_for_somebody_to_take_over(autojump_clock: trio.testing.MockClock) -> None:
    """The only instance keeps the lead, whatever is ordered, and gives it up as soon as another one is there. Should
    that one not take it, it leads again itself."""
    async with running_bot(instance_id="one") as one:
        step_down(one.inbox)
        await trio.sleep(60)
        assert one.service.lifecycle.state is State.ACTIVE
        one.lock.blocked = True
        async with second_bot(one, instance_id="two") as two:
            await one.state(State.PASSIVE)
            gave_up = trio.current_time()
            await two.drain()
            one.lock.unblock()
            await one.state(State.ACTIVE)
            assert trio.current_time() - gave_up < STAND_BACK_FOR
