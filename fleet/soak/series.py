"""What is measured over time: values of one kind as a series, and how long answers took in each ten seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from fleet.torture.verdict import percentile

Points = list[tuple[float, float | None]]
"""Seconds since the load began, and a value; None is a gap."""

WINDOW = 10.0


@dataclass(frozen=True)
class Series:
    """What is measured, in which unit, and what counts as flat: by the end it may have grown by `share` of its median,
    or by `grain` in its unit, which is as much as nobody minds. `falls`: what would be bad is that it falls.
    """

    key: str
    words: str
    unit: str
    share: float
    grain: float = 0.0
    falls: bool = False


# Memory and descriptors do not depend on the machine: their limits are what noise there is. Tables have a saw-tooth of
# autovacuum's, and times are the machine's as well: of the slowest in a hundred only a multiple means anything.
ALL_SERIES = (
    Series("memory_active", "memory of the ACTIVE instance", "MiB", 0.05),
    Series("memory_passive", "memory of the PASSIVE instance", "MiB", 0.05),
    Series("descriptors_active", "descriptors of the ACTIVE instance", "open", 0.1, grain=4),
    Series("descriptors_passive", "descriptors of the PASSIVE instance", "open", 0.1, grain=4),
    Series("inbox_table", "inbox, table", "MiB", 0.2, grain=4),
    Series("inbox_indexes", "inbox, indexes", "MiB", 0.2, grain=4),
    Series("processed_table", "processed_updates, table", "MiB", 0.1, grain=4),
    Series("processed_indexes", "processed_updates, indexes", "MiB", 0.15, grain=4),
    Series("dead_inbox", "dead tuples of inbox", "rows", 0.5, grain=5_000),
    Series("dead_processed", "dead tuples of processed_updates", "rows", 0.5, grain=5_000),
    Series("wal", "WAL written", "MiB/s", 0.2, grain=0.2),
    Series("connections", "connections to Postgres", "open", 0.1, grain=2),
    Series("ack_p50", "acknowledged, p50", "ms", 0.25, grain=3),
    Series("ack_p99", "acknowledged, p99", "ms", 1.0, grain=20),
    Series("answer_p50", "answered, p50", "ms", 0.25, grain=5),
    Series("answer_p99", "answered, p99", "ms", 1.0, grain=40),
    Series("rate", "answers", "/s", 0.02, falls=True),
)


class Readings:
    """The points of every series, by key, in the order in which they came."""

    def __init__(self) -> None:
        self.points: defaultdict[str, Points] = defaultdict(list)

    def add(self, at: float, values: dict[str, float | None]) -> None:
        """What was measured at one time, by the keys of the series."""
        for key, value in values.items():
            self.points[key].append((at, value))


@dataclass
class Window:
    """The times of what was acknowledged and answered since it was last closed, in seconds."""

    acks: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)

    def close(self, seconds: float) -> dict[str, float | None]:
        """What a window of so many seconds comes to, by the keys of the series; it begins anew."""
        acks, answers, self.acks, self.answers = self.acks, self.answers, [], []
        return {
            "rate": len(answers) / seconds,
            "ack_p50": _milliseconds(acks, 0.5),
            "ack_p99": _milliseconds(acks, 0.99),
            "answer_p50": _milliseconds(answers, 0.5),
            "answer_p99": _milliseconds(answers, 0.99),
        }


def _milliseconds(seconds: list[float], share: float) -> float | None:
    return 1000 * percentile(seconds, share) if seconds else None
