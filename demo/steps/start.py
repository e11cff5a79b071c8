"""Somebody says /start."""

from __future__ import annotations

import trio

from demo.steps.anna import Anna
from demo.steps.footing import answer_of, leader
from demo.steps.step import Outcome, Say, Step, in_ms
from demo.steps.words import answers, duration
from demo.system import System

LOOK_ON = 0.5
"""Seconds in which it is watched whether a second answer comes."""


async def run(system: System, say: Say) -> Outcome:
    """Let Anna say /start, and watch what she gets."""
    await leader(system, say)
    anna = Anna(system)
    say("Anna says /start")
    acknowledged = await anna.acknowledged(anna.says("/start"))
    await anna.answered()
    await trio.sleep(LOOK_ON)
    seen = anna.seen()
    figures = (in_ms("answered after", seen.waits[0]), in_ms("acknowledged after", acknowledged))
    came = answers(len(seen.waits) + seen.too_many, answer_of(system))
    sentence = f"{came}, {duration(seen.waits[0])} after the press; acknowledged after {duration(acknowledged)}."
    return Outcome(not seen.too_many, sentence, figures)


STEP = Step("start", "Say /start", "Anna presses /start and gets her menu.", run)
