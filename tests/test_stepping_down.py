"""A leader that cannot work steps down for an instance that can: the decisions, and whole bots under the mock clock."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from sandbox.app import Sandbox
from sandbox.transport import InProcessTransport
from statemachine import State
from svc.leadership.stepping_down import FRESH_FOR, can_take_over, is_candidate, successor
from svc.storage.instances import ALIVE_FOR, HEARD_WITHIN, Peer
from tests.harness import RunningBot, running_bot, second_bot
from tests.memory.transition_log import MemoryTransitionLog

AFTER = 20.0
# What a decision may take on top of it: getMe and heartbeats have their own pace.
SOON = 8.0
FLAPPING = 240.0
ABLE = Peer("two", "PASSIVE", reaches=True, seen_for=0.5, reach_for=2.0)


# The decisions


@pytest.mark.parametrize(
    "unable",
    [
        replace(ABLE, state="DRAINING"),
        replace(ABLE, state="ACTIVE"),
        replace(ABLE, reaches=False),
        replace(ABLE, reaches=None, reach_for=math.inf),
        replace(ABLE, seen_for=ALIVE_FOR + 0.1),
        replace(ABLE, reach_for=FRESH_FOR + 0.1),
    ],
)
def test_who_can_take_over(unable: Peer) -> None:
    """It waits for the lock, lives, and has just got through: without any of these the lead would go to nobody."""
    assert can_take_over(ABLE)
    assert not can_take_over(unable)


def decide(
    *,
    failing_since: float | None = 0.0,
    led_since: float = -1000.0,
    work_waits: bool = True,
    peers: tuple[Peer, ...] = (ABLE,),
) -> Peer | None:
    """For whom the leader steps down at AFTER."""
    return successor(
        AFTER,
        failing_since=failing_since,
        led_since=led_since,
        work_waits=work_waits,
        peers=peers,
        after=AFTER,
    )


def test_a_leader_steps_down_for_one_that_can() -> None:
    """Nothing has got through for long enough, and work is waiting."""
    assert decide() is ABLE


@pytest.mark.parametrize(
    "reason",
    [
        {"failing_since": None},
        {"failing_since": 0.1},
        {"led_since": 0.1},
        {"work_waits": False},
        {"peers": ()},
        {"peers": (replace(ABLE, reaches=False),)},
    ],
)
def test_a_leader_stays(reason: dict[str, object]) -> None:
    """Something gets through, or too little time has passed, in all or in this term; nothing to do; nobody can."""
    assert decide(**reason) is None  # type: ignore[arg-type]


def test_of_several_the_one_that_got_through_last() -> None:
    """The others are left out, whatever they say."""
    later = replace(ABLE, instance="three", reach_for=1.0)
    assert decide(peers=(replace(ABLE, reaches=False, reach_for=0.0), ABLE, later)) is later


@pytest.mark.parametrize(
    ("gave_up_at", "through_at", "reaches", "others", "may"),
    [
        (-math.inf, -math.inf, None, (ABLE,), True),
        (-math.inf, 5.0, True, (ABLE,), True),
        (-math.inf, 5.0, False, (), True),
        (-math.inf, 5.0, False, (ABLE,), False),
        (10.0, 5.0, None, (), False),
        (10.0, 5.0, False, (), False),
        (10.0, 11.0, True, (ABLE,), True),
        (10.0, 11.0, False, (), True),
        (10.0, 11.0, False, (ABLE,), False),
        (-math.inf, 5.0, False, (replace(ABLE, seen_for=ALIVE_FOR + 0.1),), False),  # it may only be slow
        (-math.inf, 5.0, False, (replace(ABLE, seen_for=HEARD_WITHIN + 0.1),), True),
    ],
)
def test_who_tries_for_the_lock(
    gave_up_at: float, through_at: float, reaches: bool | None, others: tuple[Peer, ...], may: bool
) -> None:
    """Whoever has given up waits until it gets through, whoever does not get through for one that does, and nobody
    else waits: somebody has to lead."""
    assert is_candidate(gave_up_at=gave_up_at, through_at=through_at, reaches=reaches, peers=others) is may


# Whole bots


class Way:
    """One instance's way to the Bot API, which can be closed. `closed_by` makes the error of a connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.closed = False
        self.answers: tuple[int, str] | None = None
        self.methods: list[str] = []

    def transport(self) -> httpx.AsyncBaseTransport:
        return _OverWay(self, self._sandbox.transport())


class _OverWay(httpx.AsyncBaseTransport):
    def __init__(self, way: Way, inner: InProcessTransport) -> None:
        self._way = way
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        self._way.methods.append(request.url.path.rpartition("/")[2])
        if self._way.closed:
            raise httpx.ConnectError("no way", request=request)
        if self._way.answers is not None:
            status, description = self._way.answers
            body = {"ok": False, "error_code": status, "description": description}
            await request.aread()
            return httpx.Response(status, json=body, request=request)
        return await self._inner.handle_async_request(request)


@asynccontextmanager
async def two_bots(**settings: Any) -> AsyncIterator[tuple[RunningBot, Way, RunningBot, Way]]:
    """The first one leads and the second one waits, each with a way of its own; STEP_DOWN_AFTER is AFTER."""
    sandbox = Sandbox()
    first, second = Way(sandbox), Way(sandbox)
    how: dict[str, Any] = {"step_down_after": AFTER, **settings}
    async with (
        running_bot(sandbox=sandbox, transport=first.transport, instance_id="one", **how) as one,
        second_bot(one, transport=second.transport, instance_id="two", **how) as two,
    ):
        await trio.sleep(10)
        yield one, first, two, second


def steps_down(*bots: RunningBot) -> int:
    """How often the lead was given up: all bots of a test write into the latest one's log."""
    return len(bots[-1].logs.of("STEP_DOWN"))


async def test_the_lead_goes_to_the_one_that_gets_through(autojump_clock: trio.testing.MockClock) -> None:
    """The leader's way is closed and people write: after STEP_DOWN_AFTER the other one answers everybody, once. The
    lock was released and announced, not left to run out; the transition says why."""
    async with two_bots() as (one, way, two, _):
        way.closed = True
        closed = trio.current_time()
        users = range(1, 31)
        for user in users:
            await one.send(user)
        await two.state(State.ACTIVE)
        assert AFTER <= trio.current_time() - closed <= AFTER + SOON
        await one.settled()
        assert [len(one.menus(user)) for user in users] == [1] * len(users)
        assert len(two.logs.of("LOCK_RELEASED")) == 1
        assert two.logs.of("LOCK_LOST") == []
        (said,) = two.logs.of("STEP_DOWN")
        assert (said["successor"], said["level"]) == ("two", "warning")
        assert "ConnectError" in said["error"]
        assert isinstance(one.transition_log, MemoryTransitionLog)
        left = one.transition_log.steps[-1]
        assert (left.trigger, left.target) == ("lock_lost", State.PASSIVE)
        assert "two does" in left.reason
        assert one.metrics.registry.get_sample_value("svc_reaches") == 0


async def test_it_does_not_come_back_before_its_way_does(autojump_clock: trio.testing.MockClock) -> None:
    """Nor if the other one dies meanwhile: what people write is stored and waits. When its way is back it leads, and
    answers them."""
    async with two_bots() as (one, way, two, _):
        way.closed = True
        await one.send(1)
        await one.settled()
        await two.drain()
        await one.send(2)
        await trio.sleep(300)
        assert one.service.lifecycle.state is State.PASSIVE
        assert len(one.inbox.rows) == 1
        way.closed = False
        await one.state(State.ACTIVE)
        await one.settled()
        assert [len(one.menus(user)) for user in (1, 2)] == [1, 1]


async def test_where_nobody_gets_through_the_leader_stays(autojump_clock: trio.testing.MockClock) -> None:
    """Both ways are closed: giving the lead up would help nobody. As soon as its way is back it goes on."""
    async with two_bots() as (one, first, two, second):
        first.closed = second.closed = True
        await one.send(1)
        await trio.sleep(200)
        assert one.service.lifecycle.state is State.ACTIVE
        assert steps_down(two) == 0
        first.closed = False
        await one.settled()
        assert len(one.menus(1)) == 1


async def test_without_work_the_leader_stays(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody writes: there is no reason to move. The first one who does moves the lead, and is answered soon."""
    async with two_bots() as (one, way, two, _):
        way.closed = True
        await trio.sleep(200)
        assert one.service.lifecycle.state is State.ACTIVE
        wrote = trio.current_time()
        await one.send(1)
        await one.settled()
        assert two.service.lifecycle.state is State.ACTIVE
        assert trio.current_time() - wrote < 3


async def test_a_leader_that_polls_has_work_whatever_it_knows(autojump_clock: trio.testing.MockClock) -> None:
    """With a closed way it hears of no update at all; the other one fetches them and answers."""
    async with two_bots(intake="polling") as (one, way, two, _):
        one.sandbox.telegram.bot().webhook = None
        way.closed = True
        await one.send(1)
        await two.state(State.ACTIVE)
        await trio.sleep(5)
        assert len(one.menus(1)) == 1


async def test_a_bot_that_only_the_leader_cannot_be_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    """Sending is paused by 401 here and getMe is answered there: the other one has the right token."""
    async with two_bots() as (one, way, two, _):
        way.answers = (401, "Unauthorized")
        await one.send(1)
        await two.state(State.ACTIVE)
        await one.settled()
        assert len(one.menus(1)) == 1
        assert one.inbox.dead == {}


async def test_a_bot_that_nobody_can_be_is_left_where_it_is(autojump_clock: trio.testing.MockClock) -> None:
    """401 for both: the leader stays, paused."""
    async with two_bots() as (one, first, two, second):
        first.answers = second.answers = (401, "Unauthorized")
        await one.send(1)
        await trio.sleep(200)
        assert one.service.lifecycle.state is State.ACTIVE
        assert steps_down(two) == 0


@pytest.mark.parametrize("answer", [(403, "Forbidden: bot was blocked by the user"), (429, "Too Many Requests")])
async def test_an_answer_of_telegrams_gets_through(
    autojump_clock: trio.testing.MockClock, answer: tuple[int, str]
) -> None:
    """A refusal or a 429 is no reason to step down, however long it goes on: the other one would get the same."""
    async with two_bots() as (one, way, two, _):
        way.answers = answer
        for user in range(1, 60):
            await one.send(user)
            await trio.sleep(1)
        assert one.service.lifecycle.state is State.ACTIVE
        assert steps_down(two) == 0


async def test_two_that_flap_hand_over_seldom(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever leads is cut off, and whoever waits is not, for minutes: at most one handover in STEP_DOWN_AFTER."""
    async with two_bots() as (one, first, two, second):
        began = trio.current_time()
        user = 0
        while trio.current_time() - began < FLAPPING:
            first.closed = one.service.lifecycle.state is State.ACTIVE
            second.closed = two.service.lifecycle.state is State.ACTIVE
            user += 1
            await one.send(user)
            await trio.sleep(1)
        assert FLAPPING / AFTER / 2 < steps_down(two) <= FLAPPING / AFTER
        first.closed = second.closed = False
        await one.settled()
        assert {len(one.menus(each)) for each in range(1, user + 1)} == {1}


async def test_zero_is_never(autojump_clock: trio.testing.MockClock) -> None:
    """STEP_DOWN_AFTER=0: the leader stays whatever happens, as an operator wants it."""
    async with two_bots(step_down_after=0.0) as (one, way, two, _):
        way.closed = True
        await one.send(1)
        await trio.sleep(200)
        assert one.service.lifecycle.state is State.ACTIVE
        assert steps_down(two) == 0


async def test_one_that_gets_through_is_elected_before_one_that_does_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The leader drains while two wait: time and again the one whose way is closed stands back."""
    for _ in range(5):
        async with two_bots() as (one, _, two, way):
            way.closed = True
            async with second_bot(one, instance_id="three", step_down_after=AFTER) as three:
                await trio.sleep(10)
                await one.drain()
                await three.state(State.ACTIVE)
                assert two.service.lifecycle.state is State.PASSIVE
                await three.drain()
                # Now nobody gets through, and somebody has to lead.
                await two.state(State.ACTIVE)


async def test_passive_asks_getme_and_nothing_else(autojump_clock: trio.testing.MockClock) -> None:
    """About every five seconds, while it waits; leading, it asks only where nothing else has got through."""
    async with two_bots() as (one, first, two, second):
        for user in range(1, 100):
            await one.send(user)
            await trio.sleep(1)
        assert set(second.methods) == {"getMe"}
        assert 15 < len(second.methods) < 35
        assert first.methods.count("getMe") <= 3
        assert two.metrics.registry.get_sample_value("svc_reaches") == 1


async def test_a_table_that_cannot_be_written_changes_nothing(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats fail in a way that nobody has foreseen: updates are answered, and the leader stays."""

    async def broken(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError("unforeseen")

    async with two_bots() as (one, way, two, _):
        for table in one.instances.rows:
            monkeypatch.setattr(type(table), "beat", broken)
        await one.send(1)
        await one.settled()
        assert len(one.menus(1)) == 1
        way.closed = True
        await one.send(2)
        await trio.sleep(300)
        assert one.service.lifecycle.state is State.ACTIVE
        assert {line["chore"] for line in two.logs.of("CHORE_FAILED")} == {"HEARTBEAT"}


async def test_every_instance_says_of_itself_what_it_reaches(autojump_clock: trio.testing.MockClock) -> None:
    """In /healthz and in its heartbeat, in PASSIVE and in ACTIVE."""
    async with two_bots() as (one, _, two, way):
        way.closed = True
        await trio.sleep(10)
        for bot, state, reaches in ((one, "ACTIVE", True), (two, "PASSIVE", False)):
            health = await (await bot.service.app.test_client().get("/healthz")).get_json()
            assert (health["state"], health["reaches"]) == (state, reaches)
            assert ("reach_error" in health) is not reaches
            said = bot.instances.latest("one" if bot is one else "two")
            assert (said.state, said.reaches) == (state, reaches)
            assert said.epochs == ((1,) if bot is one else ())
            assert said.reach_for is not None
            assert said.reach_for < 10


async def test_an_instance_lives_until_its_process_ends(autojump_clock: trio.testing.MockClock) -> None:
    """While it drains it is still the owner of what it sends, and says so; when it has ended it is forgotten."""
    async with running_bot(instance_id="one", latency=3.0) as bot:
        await bot.send(1)
        await trio.sleep(1)
        bot.service.lifecycle.drain("SIGTERM")
        await trio.sleep(2)
        said = bot.instances.latest("one")
        assert (said.state, said.epochs) == ("DRAINING", (1,))
        assert bot.inbox.seen[1] > trio.current_time() - 1.5
        await bot.ended.wait()
        assert bot.instances.rows == {}
        assert len(bot.menus(1)) == 1
