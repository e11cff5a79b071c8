"""What came of a scene: who was answered, how long nobody led and nothing was accepted, and which promises were broken.

Times are Unix times. What is counted as an outage is the longest stretch without a 200; the load is dense enough that a
stretch of a second is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fleet.process import ServiceProcess
from fleet.torture.verdict import Verdict

OUTAGE = 1.0


@dataclass(frozen=True)
class Result:
    """One scene's. `to_active` and `to_200` are the seconds from what happened until an instance became ACTIVE and
    until 200s came again; None if the lead did not change, and if 200s never stopped. `strangers` are terms that were
    led on a server that was not the leader any more, a sentence each; `pgbouncer_ended` is how often PgBouncer did so
    by itself."""

    scene: str
    verdict: Verdict
    doubts: int
    to_active: float | None
    to_200: float | None
    strangers: list[str] = field(default_factory=list)
    pgbouncer_ended: int = 0

    @property
    def longest_wait(self) -> float:
        """Seconds from a message to its answer, at most."""
        return max(self.verdict.waits, default=0.0)

    def breaches(self) -> list[str]:
        """What was promised and not kept, a sentence each."""
        return [*self.verdict.breaches(), *self.strangers]


def to_active(happened: float, active_since: Iterable[float]) -> float | None:
    """The seconds until the first term that began after it happened; None if there is none."""
    return min((begin - happened for begin in active_since if begin > happened), default=None)


def to_200(happened: float, accepted: Iterable[float]) -> float | None:
    """The seconds until the end of the longest stretch without a 200 after it happened; None if none lasted OUTAGE."""
    times = [happened, *sorted(at for at in accepted if at > happened)]
    length, end = max(((later - earlier, later) for earlier, later in pairwise(times)), default=(0.0, happened))
    return end - happened if length >= OUTAGE else None


def strangers(terms: Iterable[int], recorded: Iterable[int]) -> list[str]:
    """A sentence for every term that an instance led and the database does not know: led on a server that was not the
    leader any more."""
    return [f"term {epoch} is not in the database" for epoch in sorted(set(terms) - set(recorded))]


def ended(services: Sequence[ServiceProcess]) -> list[str]:
    """A sentence for every instance that has ended, which none should."""
    return [
        f"instance {number} has ended: {service.stderr.decode(errors='replace').strip()[-300:]}"
        for number, service in enumerate(services, 1)
        if not service.running
    ]
