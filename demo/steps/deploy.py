"""Another version takes over under load."""

from __future__ import annotations

import trio

from demo.actions import perform
from demo.steps.footing import answer_of, leader, people_writing
from demo.steps.step import Outcome, Say, Step, count_of, in_ms
from demo.steps.witness import Witness
from demo.steps.words import duration
from demo.system import System

AFTERWARDS = 3.0
"""Seconds for which people write on when the new one leads."""


async def run(system: System, say: Say) -> Outcome:
    """Deploy while people write, and see what each of them got."""
    old = await leader(system, say)
    with people_writing(system):
        witness = Witness(system)
        say("A new instance starts; when it is ready, the old one gets a SIGTERM")
        await perform(system, "deploy", old.name)
        new = await system.until_led(after=old.epoch or 0)
        say(f"The {new.name} instance leads; people write on")
        await trio.sleep(AFTERWARDS)
        handover = await witness.handover()
        seen = await witness.crowd_answered()
    gap = handover.gap_ms / 1000
    sentence = (
        f"{seen.sentence(answer_of(system))} {duration(gap)} without a call between the old leader's last and the new one's"
        " first."
    )
    figures = (
        count_of("pressed /start", seen.people, "people"),
        in_ms("without a call", gap),
        in_ms("slowest", seen.slowest),
    )
    return Outcome(seen.in_order and witness.spotless, sentence, figures)


STEP = Step(
    "deploy",
    "Deploy under load",
    "20 people a second press /start while a new version takes over from the old one.",
    run,
)
