"""Who was ACTIVE when, and the calls of instances that were not.

An instance may call the Bot API only within a span in which it was ACTIVE, and not after a later term has begun.
All times are Unix times, those of spans from the instances' own logs, those of calls from when they were read. On a
busy machine that is a little after they were written, so a call may be read READ_LATE seconds after its instance's span
has ended, but never after a later term has begun.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fleet.bot_api import BotApiCall

READ_LATE = 0.1


@dataclass(frozen=True)
class ActiveSpan:
    """When an instance could send: from ACTIVE to the release or the loss of the lock, without an end if neither
    came (it still can, or was killed)."""

    epoch: int
    begin: float
    end: float = math.inf


@dataclass
class Halt:
    """When a process could do nothing: from SIGSTOP to SIGCONT, or from SIGKILL on."""

    begin: float
    end: float = math.inf


@dataclass
class History:
    """What one instance did."""

    spans: list[ActiveSpan] = field(default_factory=list)
    calls: list[BotApiCall] = field(default_factory=list)
    halts: list[Halt] = field(default_factory=list)


def stray_calls(instances: Sequence[History]) -> Iterator[str]:
    """A sentence for every call by an instance that was not ACTIVE then, or no longer: a later term had begun."""
    begins = sorted((span.begin, span.epoch) for instance in instances for span in instance.spans)
    if [epoch for _, epoch in begins] != sorted({epoch for _, epoch in begins}):
        yield f"terms did not begin in their order, each once: {begins}"
    for number, instance in enumerate(instances):
        for call in instance.calls:
            if fault := _fault(call, instance, begins):
                yield f"instance {number} called {call}: {fault}"


def _fault(call: BotApiCall, instance: History, begins: list[tuple[float, int]]) -> str | None:
    spans = [span for span in instance.spans if span.begin <= call.begun <= span.end + READ_LATE]
    if not spans:
        return f"outside of {instance.spans}"
    later = [begin for begin, epoch in begins if epoch > spans[-1].epoch and begin <= call.begun]
    if later and not _written_before_a_halt(call, instance):
        return f"in term {spans[-1].epoch}, and a later one began at {later[0]}"
    return None


def _written_before_a_halt(call: BotApiCall, instance: History) -> bool:
    # A process that cannot run writes nothing: what is read from it meanwhile was on the way.
    return any(halt.begin <= call.begun <= halt.end for halt in instance.halts)
