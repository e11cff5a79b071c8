"""How much of the machine others use meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat behind the command's name.
_PARENT = 1
_TIMES = slice(11, 15)
# Fields of the first line of /proc/stat in which nothing runs: idle, and waiting for a disk.
_IDLE = (3, 4)
_ALL_TIMES = 8


@dataclass(frozen=True)
class Usage:
    """Seconds of processor time until `at` (monotonic): of everybody, also of other guests of the host, and of ours."""

    at: float
    everybody: float
    ours: float

    def foreign_until(self, later: Usage) -> float:
        """How many processors, on average, were busy with what is not ours."""
        foreign = later.everybody - self.everybody - (later.ours - self.ours)
        return max(0.0, foreign / (later.at - self.at))


def usage() -> Usage:
    """Until now. Ours is this process and all that it has started, and what those have started, ended ones too."""
    first = Path("/proc/stat").read_text().partition("\n")[0].split()[1 : 1 + _ALL_TIMES]
    everybody = sum(int(ticks) for field, ticks in enumerate(first) if field not in _IDLE)
    return Usage(time.monotonic(), everybody / _TICKS, _ours() / _TICKS)


def _ours() -> int:
    """Ticks of this process and its descendants. Each process also has those of its children that have ended."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        pid = int(path.parent.name)
        parents[pid] = int(fields[_PARENT])
        ticks[pid] = sum(map(int, fields[_TIMES]))
    ours = {os.getpid()}
    while grown := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= grown
    return sum(ticks.get(pid, 0) for pid in ours)
