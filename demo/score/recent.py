"""Durations of the last minute, and their percentiles."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

KEPT = 20_000
"""At most so many durations: a whole minute's at up to 333 a second, and at more those that came last."""


class Recent:
    """Durations in seconds, each with the Unix time at which it ended; `seconds` is how long one counts."""

    def __init__(self, seconds: float = 60) -> None:
        self._seconds = seconds
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def add(self, at: float, duration: float) -> None:
        """One more; where there are too many the oldest is forgotten."""
        self._samples.append((at, duration))

    def percentiles_ms(self, now: float) -> tuple[float | None, float | None]:
        """p50 and p99 in milliseconds of what ended in the last `seconds`; None where nothing did."""
        durations = sorted(duration for at, duration in self._samples if at > now - self._seconds)
        return percentile_ms(durations, 0.50), percentile_ms(durations, 0.99)


def percentile_ms(durations: Sequence[float], share: float) -> float | None:
    """The nearest rank: the least of the sorted durations that `share` of all do not exceed, in milliseconds."""
    return 1000 * durations[max(math.ceil(share * len(durations)) - 1, 0)] if durations else None
