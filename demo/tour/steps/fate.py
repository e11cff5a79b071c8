"""What an instance says of a send whose fate was unknown, by the log that it writes."""

from __future__ import annotations

import re
from enum import StrEnum

import trio

from demo.system import System

LOOK_EVERY = 0.02


class Told(StrEnum):
    """How the doubt about a send can end: events of the log."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    IN_DOUBT = "IN_DOUBT"
    DONE = "DONE"


async def what_became_of(system: System, update_id: int) -> Told:
    """Wait until an instance tells how the doubt about the send for this update has ended."""
    while (told := _told(system, update_id)) is None:  # noqa: ASYNC110
        await trio.sleep(LOOK_EVERY)
    return told


def _told(system: System, update_id: int) -> Told | None:
    """What the latest lines of all logs tell of it first."""
    ending = re.compile(rf"\b({'|'.join(Told)}) update_id={update_id}\b")
    found = (ending.search(line.text) for instance in system.instances for line in list(instance.lines))
    return next((Told(match[1]) for match in found if match), None)
