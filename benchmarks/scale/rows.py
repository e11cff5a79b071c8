"""The rows of the table: what is measured, in which unit, what is demanded, and whether it is met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A line of the table. `most` and `least` are its goal, if it has one."""

    key: str
    words: str
    unit: str
    digits: int = 0
    most: float | None = None
    least: float | None = None


@dataclass
class Finding:
    """What one row came to; None where it could not be measured, and `note` says why.

    `most` replaces the row's goal where that depends on another figure.
    """

    value: float | None
    note: str = ""
    most: float | None = None


@dataclass
class Findings:
    """All that was measured of one side.

    `details` has what is behind the rows, `complaints` which scene broke off, `foreign` how many processors were busy
    with something else, by step.
    """

    rows: dict[str, Finding] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    foreign: dict[str, float] = field(default_factory=dict)


ROWS = (
    Row("cpu_empty", "processor time of an update, empty database", "µs"),
    Row("cpu_10m", "  with 10 M processed", "µs"),
    Row("cpu_waiting", "  with 1 M waiting as well", "µs"),
    Row("postgres_empty", "Postgres' processor time of an update, empty database", "µs"),
    Row("postgres_10m", "  with 10 M processed", "µs"),
    Row("postgres_waiting", "  with 1 M waiting as well", "µs"),
    Row("takeover_1m", "1 M pending, 10 M processed: lock acquired to the first call", "ms", most=100),
    Row("take_over_1m", "  of that taking over itself, 1 M", "ms", 1, most=100),
    Row("kill_1m", "  kill -9 to the next one's first call, 1 M", "ms"),
    Row("takeover_5m", "5 M pending, 10 M processed: lock acquired to the first call", "ms", most=100),
    Row("take_over_5m", "  of that taking over itself, 5 M", "ms", 1, most=100),
    Row("kill_5m", "  kill -9 to the next one's first call, 5 M", "ms"),
    Row("one_chat_drain", "one chat of 250,000: its own drain", "/s", least=300),
    Row("others_p50", "  others' wait for their menu, p50", "ms", 1),
    Row("others_p50_without", "  the same without that chat, p50", "ms", 1),
    Row("others_p99", "  others' wait for their menu, p99", "ms", 1),
    Row("others_p99_without", "  the same without that chat, p99", "ms", 1),
    Row("reading_1m", "reading back p99, draining 1 M", "ms", 1, most=30),
    Row("reading_2_5m", "reading back p99, draining 2.5 M", "ms", 1, most=30),
    Row("reading_5m", "reading back p99, draining 5 M", "ms", 1, most=30),
    Row("reading_one_chat", "reading back p99, one chat of 250,000", "ms", 1, most=30),
    Row("reading_pruning", "reading back p99, pruning", "ms", 1, most=30),
    Row("store_p99", "store p99, draining 1 M", "ms", 1, most=15),
    Row("begin_p99", "begin p99, draining 1 M", "ms", 1, most=15),
    Row("settle_p99", "settle p99, draining 1 M", "ms", 1, most=15),
    Row("drained", "  menus in that time", "/s"),
    Row("memory", "memory at its peak, draining 2.5 M", "MiB", 1, most=100),
    Row("pruned", "pruning 10 M beside 500 updates/s", "/s"),
    Row("prune_minutes", "  until pruning is done", "min", 1, most=20),
    Row("prune_ack_p99", "  ack p99 while pruning", "ms", 1, most=20),
    Row("unpruned_ack_p99", "  and while nothing is pruned", "ms", 1),
    Row("status", "svc status, 5 M pending", "s", 2, most=1),
)


def verdict(row: Row, finding: Finding | None) -> str:
    """Whether the row's goal is met, in a word or two; "" where it has none."""
    most = finding.most if finding is not None and finding.most is not None else row.most
    if most is None and row.least is None:
        return ""
    if finding is None or finding.value is None:
        return "missed"
    if (most is not None and finding.value >= most) or (row.least is not None and finding.value <= row.least):
        return "missed"
    return "met"


def goal(row: Row, finding: Finding | None) -> str:
    """The goal as text."""
    if finding is not None and finding.most is not None:
        return f"< {finding.most:,.0f} {row.unit}"
    if row.most is not None:
        return f"< {row.most:g} {row.unit}"
    return "" if row.least is None else f"> {row.least:g} {row.unit}"
