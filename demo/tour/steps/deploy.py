"""Another version takes over under load."""

from __future__ import annotations

import trio

from demo.actions import perform
from demo.system import System
from demo.tour.steps.footing import answer_of, leader, people_writing
from demo.tour.steps.step import Outcome, Say, Step, in_ms
from demo.tour.steps.witness import CrowdSeen, Witness
from demo.tour.steps.words import duration

AFTERWARDS = 3.0
"""Seconds for which people write on when the new one leads."""


async def run(system: System, say: Say) -> Outcome:
    """Deploy while people write, and see what each of them got."""
    old = await leader(system, say)
    async with people_writing(system, say):
        witness = Witness(system)
        say("A new instance starts; when it is ready, the old one gets a SIGTERM")
        await perform(system, "deploy", old.name)
        new = await system.until_led(after=old.epoch or 0)
        say(f"The {new.name} instance leads; people write on")
        await trio.sleep(AFTERWARDS)
        gap = (await witness.handover()).gap_ms / 1000
        seen = await witness.crowd_answered()
    return outcome(gap, seen, answer=answer_of(system), spotless=witness.spotless)


def outcome(gap: float, seen: CrowdSeen, *, answer: str, spotless: bool) -> Outcome:
    """What came of it: nobody called for `gap` seconds."""
    between = "without a call between the old leader's last and the new one's first"
    return Outcome(
        seen.in_order and spotless,
        f"{seen.sentence(answer)} {duration(gap)} {between}.",
        (in_ms("without a call", gap), *seen.figures()),
    )


STEP = Step(
    "deploy",
    "Deploy under load",
    "A new version takes over from the old one while 20 people a second press /start.",
    run,
)
