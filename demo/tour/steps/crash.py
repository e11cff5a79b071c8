"""The leader dies in the middle of a send: the message is on its way, and nobody lives who would hear of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from demo.actions import perform
from demo.system import System
from demo.tour.steps.anna import ANNA, Anna
from demo.tour.steps.fate import Told, what_became_of
from demo.tour.steps.footing import answer_of, leader_and_standby, people_writing
from demo.tour.steps.step import Outcome, Say, Step, StepFailed, in_ms
from demo.tour.steps.witness import ChatSeen, CrowdSeen, Witness
from demo.tour.steps.words import answers, duration
from fleet.waiting import comes
from sandbox.faults import Fault, FaultKind

HELD_UP = 1.0
"""Seconds for which Telegram holds the message up: it comes after the kill, and before anybody looks for it."""
ARRIVES_WITHIN = 10.0
LOOK_ON = 2.0
"""Seconds for which it is watched what comes of a message that was not found."""


async def run(system: System, say: Say) -> Outcome:
    """Kill the leader while its message to Anna is on its way, and see what the next one makes of it."""
    old = await leader_and_standby(system, say)
    async with people_writing(system, say):
        witness, anna = Witness(system), Anna(system)
        say("Anna says /start, and Telegram takes a second with the answer")
        with held_up(system) as fault:
            update = anna.says("/start")
            await _has_arrived(system, fault)
            killed = trio.current_time()
            await perform(system, "crash", old.name)
        say("Killed with -9 while the message was on its way: nobody knows whether it arrives")
        await system.until_led(after=old.epoch or 0)
        led = trio.current_time() - killed
        say("The next one leads, and looks for the message; another starts in place of the dead one")
        await perform(system, "start")
        told = await what_became_of(system, update.id)
        found = trio.current_time() - killed
        if told is not Told.FOUND:
            await trio.sleep(LOOK_ON)
        await leader_and_standby(system, say)
        seen, hers = await witness.crowd_answered(), await anna.answered(witness.each)
    return outcome(Fate(told, led, found), hers, seen, answer=answer_of(system), spotless=witness.spotless)


@dataclass(frozen=True, slots=True)
class Fate:
    """What the next leader has `told` of the message; seconds from the kill until it led, and until it told so."""

    told: Told
    led: float
    found: float


def outcome(fate: Fate, hers: ChatSeen, seen: CrowdSeen, *, answer: str, spotless: bool) -> Outcome:
    """What came of it: what was told of Anna's message, and what she and the others have got."""
    got = f"{answers(len(hers.waits) + hers.too_many, answer)}{'' if hers.too_many else ', none twice'}"
    story = (
        "The message was on its way when the process died. The next leader led after"
        f" {duration(fate.led)}, {_TOLD[fate.told]}: {got}."
    )
    return Outcome(
        fate.told is Told.FOUND and not hers.too_many and seen.in_order and spotless,
        f"{story} {seen.sentence(answer)}",
        (in_ms("led after", fate.led), in_ms("found out after", fate.found), *seen.figures()),
    )


_TOLD = {
    Told.FOUND: "looked, and found that it had arrived",
    Told.NOT_FOUND: "looked, did not find it, and sent it again",
    Told.IN_DOUBT: "could not tell whether it had arrived",
    Told.DONE: "sent it without a look",
}


@contextmanager
def held_up(system: System) -> Iterator[Fault]:
    """The next message to Anna is held up at Telegram; if there is none within the block, that is taken back."""
    faults = system.sandbox.faults
    fault = faults.order(FaultKind.SLOW, method="sendMessage", chat_id=ANNA, delay=HELD_UP)
    try:
        yield fault
    finally:
        faults.withdraw(fault)


async def _has_arrived(system: System, fault: Fault) -> None:
    """Wait until Telegram has the request: a fault that was applied is not in line any more."""
    with trio.move_on_after(ARRIVES_WITHIN):
        await comes(lambda: fault not in system.sandbox.faults.rules, every=0.001)
        return
    raise StepFailed("Nobody has answered Anna, so there was no message to die over.")


STEP = Step(
    "crash",
    "Crash in the middle of a send",
    "The leader is killed while its answer to Anna is on its way to Telegram, with 20 people a second writing.",
    run,
)
