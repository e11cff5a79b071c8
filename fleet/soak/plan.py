"""What a soak is made of, and when instances are deployed and killed: from the plan alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

JITTER = 1 / 3
"""A kill comes up to so much of the time between two deploys earlier or later: not always as long after one."""


class Kind(StrEnum):
    """What is done to the instances."""

    DEPLOY = "deploy"
    KILL = "kill"


@dataclass(frozen=True)
class Event:
    """One deploy or kill, `at` so many seconds from the beginning of the load."""

    at: float
    kind: Kind


@dataclass(frozen=True)
class Plan:
    """What is run: `rate` messages a second for `seconds`, with a deploy and a kill every so many seconds (0: none).

    The seed makes who writes what, and when exactly is killed. With deploys an instance lives for two of the times
    between them; without deploys and kills the same two stand for all of it, which is what shows a leak in one.
    """

    seconds: float = 1200.0
    rate: float = 300.0
    seed: int = 1
    deploy_every: float = 60.0
    kill_every: float = 180.0

    @property
    def schedule(self) -> list[Event]:
        """The deploys and kills, in order. Kills stand half-way between two of their times, as does a first deploy."""
        rng = random.Random(self.seed)
        deploys = [Event(at, Kind.DEPLOY) for at in _every(self.deploy_every, self.deploy_every, self.seconds)]
        spread = JITTER * self.deploy_every
        kills = [
            Event(round(at + rng.uniform(-spread, spread), 1), Kind.KILL)
            for at in _every(self.kill_every, self.kill_every / 2, self.seconds)
        ]
        events = [event for event in (*deploys, *kills) if 0 < event.at < self.seconds]
        return sorted(events, key=lambda event: event.at)


def _every(step: float, first: float, end: float) -> list[float]:
    return [first + number * step for number in range(round(end / step) + 1)] if step else []
