"""Somebody says /start."""

from __future__ import annotations

import trio

from demo.system import System
from demo.tour.steps.anna import Anna
from demo.tour.steps.footing import answer_of, leader
from demo.tour.steps.step import Outcome, Say, Step, in_ms
from demo.tour.steps.witness import ChatSeen
from demo.tour.steps.words import answers, duration

LOOK_ON = 0.5
"""Seconds in which it is watched whether a second answer comes."""


async def run(system: System, say: Say) -> Outcome:
    """Let Anna say /start, and watch what she gets."""
    await leader(system, say)
    anna = Anna(system)
    say("Anna says /start")
    acknowledged = await anna.acknowledged(anna.says("/start"))
    await anna.answered(system.score.messages_per_start)
    await trio.sleep(LOOK_ON)
    return outcome(anna.seen(system.score.messages_per_start), acknowledged, answer=answer_of(system))


def outcome(seen: ChatSeen, acknowledged: float, *, answer: str) -> Outcome:
    """What came of it: Telegram had its 200 after so many seconds."""
    came = answers(len(seen.waits) + seen.too_many, answer).capitalize()
    waited = seen.waits[0]
    return Outcome(
        not seen.too_many,
        f"{came}, {duration(waited)} after the press; acknowledged after {duration(acknowledged)}.",
        (in_ms("answered after", waited), in_ms("acknowledged after", acknowledged)),
    )


STEP = Step("start", "Say /start", "Anna presses /start and is answered.", run)
