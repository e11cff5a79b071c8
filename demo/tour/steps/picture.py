"""The leader dies while a picture is being made."""

from __future__ import annotations

import trio

from demo.actions import perform
from demo.system import System
from demo.tour.steps.anna import ANNA, Anna
from demo.tour.steps.footing import leader_and_standby
from demo.tour.steps.step import Outcome, Say, Step, StepFailed, count_of, in_ms
from demo.tour.steps.words import counted, duration
from fleet.waiting import comes
from sandbox.kie.tasks import Task
from sandbox.state import SentMessage

MODEL = "Z-Image"
PROMPT = "a lighthouse in the fog"
PATIENCE = 20.0
LOOK_ON = 2.0
"""Seconds in which it is watched whether a second picture comes."""


async def run(system: System, say: Say) -> Outcome:
    """Let Anna ask for a picture, kill the leader while it is made, and count the pictures."""
    old = await leader_and_standby(system, say)
    anna = Anna(system)
    say("Anna asks for a picture")
    await _asks_for_a_picture(anna)
    task = await _task(system, anna)
    killed = trio.current_time()
    await perform(system, "crash", old.name)
    say("The picture is being made, and the process that asked for it is dead")
    await system.until_led(after=old.epoch or 0)
    led = trio.current_time() - killed
    await perform(system, "start")
    say("Another leads and waits for the picture")
    delivered = await _delivered(system, anna)
    await leader_and_standby(system, say)
    await trio.sleep(LOOK_ON)
    made, sent = len(_tasks(system, anna)), len(_pictures(system, anna))
    return outcome(led, delivered - task.ends_at, made, sent)


def outcome(led: float, after: float, made: int, sent: int) -> Outcome:
    """What came of it: `after` is how many seconds after the provider had it Anna had it; how often it was made and
    sent."""
    return Outcome(
        (made, sent) == (1, 1),
        "The process died while the picture was being made. Another led after"
        f" {duration(led)}. Created {_times(made)}, delivered {_times(sent)}, {duration(after)} after the provider had"
        " it.",
        (
            in_ms("led after", led),
            in_ms("delivered after it was made", after),
            count_of("created", made),
            count_of("delivered", sent),
        ),
    )


async def _asks_for_a_picture(anna: Anna) -> None:
    """The way through the bot's menus: what is open is left, the model is found, its card is opened."""
    anna.says(f"/search {MODEL}")
    await anna.presses("model")
    await anna.presses("create")
    await anna.sees("draft")
    anna.says(PROMPT)


async def _task(system: System, anna: Anna) -> Task:
    """Wait until the provider has what Anna asked for."""
    with trio.move_on_after(PATIENCE):
        await comes(lambda: bool(_tasks(system, anna)))
        return _tasks(system, anna)[0]
    raise StepFailed("The provider was not asked for a picture; Anna's chat says why.")


async def _delivered(system: System, anna: Anna) -> float:
    """Wait until Anna has her picture; the Unix time at which it came. Raises trio.TooSlowError with the step."""
    await comes(lambda: bool(_pictures(system, anna)))
    return _pictures(system, anna)[0].at


def _tasks(system: System, anna: Anna) -> list[Task]:
    """What the provider was asked for with Anna's words since."""
    return [
        task
        for task in system.provider.tasks.all()
        if task.created_at >= anna.since and task.request["input"].get("prompt") == PROMPT
    ]


def _pictures(system: System, anna: Anna) -> list[SentMessage]:
    """The pictures that Anna was sent since."""
    return [sent for sent in system.sandbox.telegram.sent(ANNA, since=anna.since) if sent.method == "sendPhoto"]


def _times(number: int) -> str:
    return "once" if number == 1 else counted(number, "time", "times")


STEP = Step(
    "picture",
    "Crash while a picture is made",
    "Anna asks for a picture, and the leader is killed while the provider makes it.",
    run,
    own_bot=True,
)
