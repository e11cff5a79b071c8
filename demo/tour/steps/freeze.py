"""The leader is frozen for longer than its lease, and wakes when another leads."""

from __future__ import annotations

import trio

from demo.actions import perform
from demo.system import System
from demo.tour.steps.footing import answer_of, leader_and_standby, people_writing
from demo.tour.steps.step import Outcome, Say, Step, count_of, in_ms
from demo.tour.steps.witness import CrowdSeen, Witness
from demo.tour.steps.words import counted, duration
from fleet.waiting import comes

LOOK_ON = 1.0
"""Seconds for which it is watched what the one that woke does."""


async def run(system: System, say: Say) -> Outcome:
    """Freeze the leader, and see who leads meanwhile and what it does when it wakes."""
    old = await leader_and_standby(system, say)
    async with people_writing(system, say):
        witness, frozen = Witness(system), trio.current_time()
        await perform(system, "freeze", old.name)
        wakes_at = system.sandbox.telegram.now() + old.view().frozen_for
        say(f"The {old.name} instance is frozen and does not know it; its lease runs out")
        await system.until_led(after=old.epoch or 0)
        led = trio.current_time() - frozen
        say(f"Another leads after {duration(led)}; soon the {old.name} one wakes, and believes that it still leads")
        await comes(lambda: not old.frozen)
        await old.reaches("PASSIVE")
        await trio.sleep(LOOK_ON)
        calls = system.wiring.calls_since(old.name, wakes_at)
        seen = await witness.crowd_answered()
    return outcome(led, calls, seen, answer=answer_of(system), spotless=witness.spotless)


def outcome(led: float, calls: int, seen: CrowdSeen, *, answer: str, spotless: bool) -> Outcome:
    """What came of it: another led after so many seconds, and so often the frozen one has called after it woke."""
    woke = "it sent nothing, and stood by" if not calls else f"it made {counted(calls, 'call', 'calls')}"
    return Outcome(
        not calls and seen.in_order and spotless,
        f"Another led after {duration(led)}. When the frozen one woke, {woke}. {seen.sentence(answer)}",
        (in_ms("led after", led), count_of("calls after waking", calls), *seen.figures()),
    )


STEP = Step(
    "freeze",
    "Freeze the leader",
    "The leader is stopped for 10 s, as on a machine that is out of memory, while 20 people a second press /start.",
    run,
)
