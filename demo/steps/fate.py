"""What an instance says of a send whose fate was unknown, by the log that it writes."""

from __future__ import annotations

import re

from demo.steps.waiting import comes
from demo.system import System

FOUND = "FOUND"


async def what_became_of(system: System, update_id: int) -> str:
    """Wait until an instance tells how the update ended that was in doubt: FOUND, NOT_FOUND, IN_DOUBT or DONE."""
    told: list[str] = []

    def told_of() -> bool:
        told[:] = _endings(system, update_id)
        return bool(told)

    await comes(told_of, every=0.02)
    return told[0]


def _endings(system: System, update_id: int) -> list[str]:
    """The events that end the doubt about this update, in the latest lines of all logs."""
    ending = re.compile(rf"\b(FOUND|NOT_FOUND|IN_DOUBT|DONE) update_id={update_id}\b")
    found = (ending.search(line.text) for instance in system.instances for line in list(instance.lines))
    return [match[1] for match in found if match]
