"""What only the database knows, as the ACTIVE instance has read it: what waits, what is dead, which jobs there are.

An instance that does not lead shows none of it, not even zeros: so the greatest value over all instances is the right
one, and the old leader's last does not outlive its term.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_NAMES = {
    "svc_inbox_updates": "Updates in the inbox",
    "svc_inbox_oldest_seconds": "Age of the oldest update in the inbox, 0 where there is none",
    "svc_dead_updates": "Dead updates that wait for an operator",
    "svc_in_doubt_updates": "Updates whose send may or may not have arrived",
    "svc_readings_timestamp_seconds": "When the database was last read for these gauges, Unix time",
}
_JOBS = "Jobs by provider and state; those that are over, of the last 24 hours"


@dataclass(frozen=True)
class Readings:
    """The database at the time `at` (Unix time).

    Large counts are estimates. `oldest_seconds` is None where nothing waits. `looked_for` is a part of `in_doubt`.
    `jobs` by provider and state; those that are over ended within the last 24 hours.
    """

    at: float
    inbox: int = 0
    oldest_seconds: float | None = None
    dead: int = 0
    in_doubt: int = 0
    looked_for: int = 0
    jobs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As it stands in the table figures."""
        return {
            "inbox": self.inbox,
            "oldest_seconds": self.oldest_seconds,
            "dead": self.dead,
            "in_doubt": self.in_doubt,
            "looked_for": self.looked_for,
            "jobs": {provider: dict(states) for provider, states in self.jobs.items()},
        }


class LatestReadings(Collector):
    """The gauges of the latest readings; while there are none, their names without values."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.latest: Readings | None = None
        registry.register(self)

    def show(self, readings: Readings) -> None:
        """These count from now on."""
        self.latest = readings

    def clear(self) -> None:
        """This instance does not know any more."""
        self.latest = None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """For the registry: the families, with values if there are any."""
        families = {name: GaugeMetricFamily(name, text) for name, text in _NAMES.items()}
        jobs = GaugeMetricFamily("svc_jobs", _JOBS, labels=["provider", "state"])
        if self.latest is not None:
            _add(families, jobs, self.latest)
        return [*families.values(), jobs]


def _add(families: Mapping[str, GaugeMetricFamily], jobs: GaugeMetricFamily, now: Readings) -> None:
    families["svc_inbox_updates"].add_metric([], now.inbox)
    families["svc_inbox_oldest_seconds"].add_metric([], now.oldest_seconds or 0.0)
    families["svc_dead_updates"].add_metric([], now.dead)
    families["svc_in_doubt_updates"].add_metric([], now.in_doubt)
    families["svc_readings_timestamp_seconds"].add_metric([], now.at)
    for provider, states in now.jobs.items():
        for state, count in states.items():
            jobs.add_metric([provider, state], count)
