"""The scenes: what a run is made of, and how it is run where nobody says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fleet.torture.schedule import KINDS, PlannedFault, kills, mixed

KILLS = 8
KILL_EVERY = 12.0
"""Seconds between two kills while jobs are under way."""


@dataclass(frozen=True)
class Scene:
    """A scene's defaults. `latency` of a Bot API call in seconds, `shares` of its calls that go wrong all the time by
    kind of fault, `settings` of every instance."""

    words: str
    seconds: float
    rate: float
    instances: int
    latency: float
    shares: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    has_jobs: bool = False
    """People ask for pictures, which a provider makes; `rate` is that of their requests."""


SCENES = {
    "mixed": Scene(
        "every kind of fault in turn",
        seconds=30,
        rate=50,
        instances=3,
        latency=0.03,
        # Below the time for which an instance is without a way to the Bot API.
        settings={"STEP_DOWN_AFTER": "2"},
    ),
    "kills": Scene("the ACTIVE instance is killed eight times", seconds=64, rate=100, instances=3, latency=0.03),
    "answers": Scene(
        "answers are lost all the time, and 2,000 people write",
        seconds=26,
        rate=100,
        instances=2,
        latency=0.03,
        shares={"cut_after": 0.05, "flood": 0.02, "error": 0.02},
    ),
    "jobs": Scene(
        "300 jobs, while the ACTIVE instance is killed and the provider has every fault",
        seconds=300,
        rate=1,
        instances=3,
        latency=0.03,
        shares={"cut_after": 0.02, "flood": 0.02, "error": 0.02},
        settings={"BOT": "fleet.torture.job_bot:bot"},
        has_jobs=True,
    ),
}


def schedule_of(
    scene: str, seed: int, seconds: float, instances: int, kinds: Collection[str] = tuple(KINDS)
) -> list[PlannedFault]:
    """The faults of a scene."""
    match scene:
        case "mixed":
            return mixed(seed, seconds, instances, kinds)
        case "kills":
            return kills(seconds, KILLS)
        case "jobs":
            return kills(seconds, max(1, round(seconds / KILL_EVERY)))
    return []
