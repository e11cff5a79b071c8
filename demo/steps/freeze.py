"""The leader is frozen for longer than its lease, and wakes when another leads."""

from __future__ import annotations

import trio

from demo.actions import perform
from demo.instance import Instance
from demo.steps.footing import answer_of, leader_and_standby, people_writing
from demo.steps.step import Outcome, Say, Step, count_of, in_ms
from demo.steps.waiting import comes
from demo.steps.witness import Witness
from demo.steps.words import counted, duration
from demo.system import System

LOOK_ON = 1.0
"""Seconds for which it is watched what the one that woke does."""


async def run(system: System, say: Say) -> Outcome:
    """Freeze the leader, and see who leads meanwhile and what it does when it wakes."""
    old = await leader_and_standby(system, say)
    with people_writing(system):
        witness = Witness(system)
        frozen = trio.current_time()
        await perform(system, "freeze", old.name)
        wakes_at = system.sandbox.telegram.now() + _frozen_for(system, old)
        say(f"The {old.name} instance is frozen, and believes that it leads; its lease runs out")
        await system.until_led(after=old.epoch or 0)
        led = trio.current_time() - frozen
        say(f"Another leads after {duration(led)}; the frozen one wakes soon")
        await comes(lambda: not _frozen_for(system, old))
        await old.reaches("PASSIVE")
        await trio.sleep(LOOK_ON)
        calls = old.calls_since(wakes_at)
        seen = await witness.crowd_answered()
    figures = (
        in_ms("led after", led),
        count_of("calls after waking", calls),
        count_of("pressed /start", seen.people, "people"),
        in_ms("slowest", seen.slowest),
    )
    sent = "it sent nothing and stood by" if not calls else f"it made {counted(calls, 'call', 'calls')}"
    sentence = (
        f"Another led after {duration(led)}. When the frozen one woke, {sent}. {seen.sentence(answer_of(system))}"
    )
    return Outcome(not calls and seen.in_order and witness.spotless, sentence, figures)


def _frozen_for(system: System, instance: Instance) -> float:
    return instance.view().frozen_for


STEP = Step(
    "freeze",
    "Freeze the leader",
    "The leader is stopped for 10 s, as a machine that is out of memory would be, while 20 people a second write.",
    run,
)
