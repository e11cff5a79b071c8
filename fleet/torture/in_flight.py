"""Who had to wait because an instance was killed: those whose answer it had begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleet.process import LogLine
from fleet.torture.cast import Member

_BEGUN = "ACTIVE_PROCESS_START"
_OVER = frozenset({"DONE", "RETRY", "BUSY", "REFUSED", "DEAD", "DEDUP_SKIP"})


def waits_after_kills(members: Iterable[Member], answered: Mapping[int, float]) -> list[float]:
    """The seconds from a kill until each update that was in flight had its answer; 0 if it was there already."""
    return [
        max(0.0, answered[update_id] - member.killed_at)
        for member in members
        if member.killed_at is not None
        for update_id in in_flight(member.service.log)
        if update_id in answered
    ]


def in_flight(log: Iterable[LogLine]) -> set[int]:
    """The updates that are begun and not over, by the log of who worked on them."""
    found: set[int] = set()
    for line in log:
        if line["event"] == _BEGUN:
            found.add(line["update_id"])
        elif line["event"] in _OVER:
            found.discard(line.get("update_id", 0))
    return found
