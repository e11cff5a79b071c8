"""A wall clock that stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ManualClock:
    """Returns `time`, the Unix time in seconds, as a `sandbox.clock.Clock`."""

    time: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time
