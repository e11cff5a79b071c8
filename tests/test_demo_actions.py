"""What can be done to the demo's system, done to a real one while people press /start: nobody is lost, nobody is
answered twice, and another instance leads where it should.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from demo.actions import ACTIONS, Target, perform
from demo.children import born
from demo.instances.instance import ENDED, Instance
from demo.refused import Refused
from demo.running import running_system
from demo.system import System
from demo.tour.steps import picture
from demo.views import ScoreView
from fleet.waiting import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

DEADLINE = 100.0


@pytest.fixture
async def system(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    """A system of two instances, with people who press /start. On a slow machine one may take long to come up."""
    monkeypatch.setattr("demo.instances.instance.START_DEADLINE", DEADLINE)
    async with running_system(None, lambda _: None) as system:
        system.people.set_rate(20)
        await eventually(lambda: score(system).answered > 10, DEADLINE)
        yield system


def score(system: System) -> ScoreView:
    return system.view().score


def leader(system: System) -> Instance:
    """The instance that leads now."""
    assert system.active is not None
    return system.active


async def more_answered(system: System) -> None:
    """Twenty more people have their answer."""
    before = score(system).answered
    await eventually(lambda: score(system).answered >= before + 20, DEADLINE)


async def settled(system: System) -> None:
    """Nobody presses any more, everybody is answered, and nothing is wrong."""
    system.people.set_rate(0)
    await eventually(lambda: not score(system).waiting, DEADLINE)
    assert (score(system).lost, score(system).twice) == (0, 0)
    assert score(system).accepted == score(system).answered


@asynccontextmanager
async def handed_over(system: System, action: str) -> AsyncIterator[Instance]:
    """What the block does has another instance lead, which answers people; yields the one that led before."""
    old = leader(system)
    assert old.epoch is not None
    yield old
    assert await system.until_led(after=old.epoch) is not old

    def is_told() -> bool:
        handover = score(system).handover
        return handover is not None and handover.action == action

    await eventually(is_told, DEADLINE)


def test_the_table() -> None:
    """Every name of the docstring, each with a label and a sentence."""
    assert list(ACTIONS) == [
        *("start", "deploy", "crash", "freeze", "cut_postgres", "cut_bot_api", "restart_postgres", "fail_over"),
        *("telegram_slow", "telegram_429", "telegram_5xx", "telegram_cut", "provider_slow", "provider_failing"),
    ]
    assert all(action.label and action.text.endswith(".") for action in ACTIONS.values())
    assert {action.target for action in ACTIONS.values()} == set(Target)


async def test_instances_come_and_go(system: System) -> None:
    """A deploy, a crash of the leader, one of the other: with one instance left everybody is answered."""
    async with handed_over(system, "deploy") as old:
        await perform(system, "deploy")
    await eventually(lambda: old.state == ENDED, DEADLINE)
    assert old.how_ended == "has drained and ended"
    assert [each.name for each in system.instances] == ["first", "second", "third"]

    async with handed_over(system, "crash") as old:
        await perform(system, "crash")
        assert (old.state, old.how_ended) == (ENDED, "was ended by SIGKILL")
        assert f"{old.name} instance was ended by SIGKILL." in system.history.plots(time.time() + 1)["menus"]
        assert not born(old.pid), "it was waited for"
    with pytest.raises(Refused, match="does not run"):
        await perform(system, "crash", old.name)

    await perform(system, "start")
    other = system.instances[-1]
    await other.reaches("PASSIVE")
    await eventually(lambda: other.live, DEADLINE)
    await perform(system, "crash", other.name)
    await more_answered(system)
    await settled(system)


async def test_the_leader_is_cut_off_and_frozen(system: System) -> None:
    """From the Bot API, then from Postgres, then it stands still: each time another one leads, and all heals."""
    for action in ("cut_bot_api", "cut_postgres", "freeze"):
        async with handed_over(system, action) as old:
            await perform(system, action)
            view = old.view()
            left = {"cut_bot_api": view.no_bot_api_for, "cut_postgres": view.no_postgres_for, "freeze": view.frozen_for}
            assert 0 < left.pop(action) <= 10
            assert set(left.values()) == {0}
        await old.reaches("PASSIVE")
        await eventually(partial(getattr, old, "live"), DEADLINE)
        assert old.view().frozen_for == 0
    await settled(system)


async def test_postgres_restarts_and_fails_over(system: System) -> None:
    """Twice, so that the new standby is one that takes over; what cannot be done yet is refused in a sentence."""
    for action in ("fail_over", "restart_postgres", "fail_over"):
        await eventually(lambda: not system.databases.busy, DEADLINE)
        before = system.cluster.primary
        async with trio.open_nursery() as nursery:
            nursery.start_soon(perform, system, action)
            await eventually(lambda: system.databases.busy, DEADLINE)
            with pytest.raises(Refused, match="try again"):
                await perform(system, "restart_postgres")
        assert (system.cluster.primary is before) == (action == "restart_postgres")
        await more_answered(system)
    await settled(system)


async def test_telegram_and_the_provider_fail(system: System) -> None:
    """Every fault shows while it lasts, and nobody is lost by any; what became of lost answers is found out."""
    for names in (
        ("telegram_cut", "telegram_slow", "provider_slow"),
        ("telegram_429", "telegram_5xx", "provider_failing"),
    ):
        for name in names:
            await perform(system, name)
        assert {fault.action for fault in system.view().faults} == set(names)
        await eventually(lambda: not system.view().faults, DEADLINE)
    await eventually(lambda: score(system).found_out > 0, DEADLINE)
    await settled(system)


async def test_a_picture_that_the_provider_says_it_has_not_made(system: System) -> None:
    """Asked for while every answer is an error, and with the leader killed meanwhile: made once, and it comes once."""
    await perform(system, "provider_failing")
    with trio.fail_after(DEADLINE):
        outcome = await picture.run(system, lambda _: None)
    assert outcome.kept, outcome.sentence


async def test_what_cannot_be_done(system: System) -> None:
    """A name that is none, an instance that is none, one instance too many."""
    with pytest.raises(Refused, match="no action 'explode'"):
        await perform(system, "explode")
    with pytest.raises(Refused, match="The hundredth instance does not run"):
        await perform(system, "freeze", "hundredth")
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(perform, system, "start")
    with pytest.raises(Refused, match="6 instances run already"):
        await perform(system, "deploy")
    assert len(system.instances) == 6
