"""What only the database knows, as the ACTIVE instance has read it: what waits, what is dead, which jobs there are.

An instance that does not lead shows none of it, not even zeros: so the greatest value over all instances is the right
one, and the old leader's last does not outlive its term.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


@dataclass(frozen=True)
class Readings:
    """The database at the time `at` (Unix time). What did not come in time is None, and is not shown.

    Large counts are estimates. `looked_for` is a part of `in_doubt`. `jobs` by provider and state; those that are over
    ended within the last 24 hours.
    """

    at: float
    inbox: int | None = None
    oldest_seconds: float | None = None
    dead: int | None = None
    in_doubt: int | None = None
    looked_for: int | None = None
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
        return list(_families(self.latest))


def _families(now: Readings | None) -> Iterator[GaugeMetricFamily]:
    yield _gauge("svc_inbox_updates", "Updates in the inbox", now and now.inbox)
    yield _gauge("svc_inbox_oldest_seconds", "Age of the oldest update in the inbox", now and _oldest(now))
    yield _gauge("svc_dead_updates", "Dead updates that wait for an operator", now and now.dead)
    yield _gauge("svc_in_doubt_updates", "Updates whose send may or may not have arrived", now and now.in_doubt)
    jobs = GaugeMetricFamily(
        "svc_jobs", "Jobs by provider and state; those that are over, of the last 24 hours", labels=["provider", "state"]
    )
    for provider, states in (now.jobs if now else {}).items():
        for state, count in states.items():
            jobs.add_metric([provider, state], count)
    yield jobs
    yield _gauge("svc_readings_timestamp_seconds", "When the database was last read, Unix time", now and now.at)


def _oldest(now: Readings) -> float | None:
    """0 where nothing waits: a gap would look like an answer that did not come."""
    return 0.0 if now.inbox == 0 else now.oldest_seconds


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family
