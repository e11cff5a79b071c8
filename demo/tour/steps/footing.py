"""What a step stands on: somebody leads, somebody stands by, people write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from demo.actions import perform
from demo.instances.instance import Instance
from demo.system import System
from demo.tour.steps.step import Say, StepFailed
from fleet.waiting import comes

LOAD = 20.0
"""People a second who press /start while something is done to the system, at least."""
WARM_UP = 1.0
"""Seconds for which they press before anything is done: a system at work is what is to be seen."""
READY = 20.0
"""Seconds within which a system that is well has somebody who leads and somebody who stands by."""


def answer_of(system: System) -> str:
    """What a /start is answered with, in a word: with another bot nobody knows that it is a menu."""
    return "menu" if system.own_bot else "answer"


async def leader(system: System, say: Say) -> Instance:
    """The instance that leads, which is waited for. Raises StepFailed."""
    if _leading(system) is None:
        say("Waiting for somebody to lead")
        with trio.move_on_after(READY):
            await comes(lambda: _leading(system) is not None)
    if (leading := _leading(system)) is None:
        raise StepFailed("Nobody leads, so there is nothing to see: start an instance first.")
    return leading


async def leader_and_standby(system: System, say: Say) -> Instance:
    """The instance that leads; where nobody is there to take over, one more is started. Raises StepFailed, Refused."""
    leading = await leader(system, say)
    if not any(each.running and each is not leading for each in system.instances):
        await perform(system, "start")
    if not _somebody_stands_by(system):
        say("Waiting for one that stands by")
        with trio.move_on_after(READY):
            await comes(lambda: _somebody_stands_by(system))
    if not _somebody_stands_by(system):
        raise StepFailed("Nobody stands by to take over: start another instance first.")
    return leading


@asynccontextmanager
async def people_writing(system: System, say: Say) -> AsyncIterator[None]:
    """At least LOAD people press /start every second for as long as the block lasts, and for a moment before it; then
    it is as it was."""
    before = system.people.rate
    try:
        if before < LOAD:
            say(f"{LOAD:.0f} people a second begin to press /start")
            system.people.set_rate(LOAD)
            await trio.sleep(WARM_UP)
        yield
    finally:
        # Unless somebody has chosen another rate meanwhile.
        if before < LOAD and system.people.rate == LOAD:
            system.people.set_rate(before)


def _leading(system: System) -> Instance | None:
    """Who leads and can do so: one that is frozen leads by its log until it wakes."""
    active = system.active
    return active if active is not None and active.live else None


def _somebody_stands_by(system: System) -> bool:
    return any(instance.live and instance.state == "PASSIVE" for instance in system.instances)
