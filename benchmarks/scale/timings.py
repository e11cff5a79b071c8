"""What the stopwatch inside an instance has counted, read from outside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, exp
from pathlib import Path
from typing import Any

from benchmarks.scale.inside.timed_service import STEPS

# The inbox's methods that read back, those of an older checkout among them: whichever there are count.
READING_BACK = ("inbox.backfill", "inbox.newest", "inbox.fetch", "inbox.followers")


@dataclass(frozen=True)
class Timings:
    """Times in ms by the name of what took them, `at` a Unix time.

    `failed` is how many of the calls failed, `first` when the first one began (Unix time).
    """

    at: float = 0.0
    counts: dict[str, Counter[int]] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    first: dict[str, float] = field(default_factory=dict)

    def since(self, earlier: Timings) -> Timings:
        """What has been counted after `earlier`."""
        counts = {name: found - earlier.counts.get(name, Counter()) for name, found in self.counts.items()}
        return Timings(self.at, counts, self.failed - earlier.failed, self.first)

    def calls(self, name: str) -> int:
        """How many calls of `name` there were."""
        return self.counts.get(name, Counter()).total()

    def percentile(self, name: str, share: float) -> float | None:
        """The ms that `share` (0..1) of the calls of `name` did not exceed; None if there was no call."""
        left = ceil(share * self.calls(name))
        for step, count in sorted(self.counts.get(name, Counter()).items()):
            left -= count
            if left <= 0:
                return exp(step / STEPS)
        return None

    def slowest(self, names: Sequence[str], share: float) -> float | None:
        """The highest of the percentiles of these names; None if none was called."""
        found = [value for name in names if (value := self.percentile(name, share)) is not None]
        return max(found, default=None)

    def brief(self) -> dict[str, dict[str, float | None]]:
        """For each name the calls, p50, p99, the longest, and how many failed."""
        return {
            name: {
                "calls": self.calls(name),
                "p50": self.percentile(name, 0.5),
                "p99": self.percentile(name, 0.99),
                "max": self.percentile(name, 1.0),
                "failed": self.failed[name],
            }
            for name in sorted(self.counts)
            if self.calls(name)
        }


def read_timings(path: Path) -> Timings:
    """What the file at `path` says; nothing if it is not there yet."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return Timings()
    counts = {name: Counter({int(step): n for step, n in found.items()}) for name, found in content["counts"].items()}
    return Timings(content["at"], counts, Counter(content["failed"]), content["first"])
