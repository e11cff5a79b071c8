"""What a process takes, by Linux' /proc: memory, open files, processor time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import trio

EVERY = 0.1
"""Seconds between two readings."""


class Reading(NamedTuple):
    """Resident memory in bytes, open files, and the processor time so far in seconds."""

    memory: int
    files: int
    processor: float


def read(pid: int) -> Reading:
    """What the process takes now. Raises OSError if there is none."""
    process = Path("/proc") / str(pid)
    memory = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    # The name, in parentheses, may hold anything. Behind it the 12th and 13th are the times of user and system.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    processor = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Reading(memory, len(list((process / "fd").iterdir())), processor)


class Peaks:
    """The highest memory and the most open files of a process for as long as `watch` runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.memory = 0
        self.files = 0

    async def watch(self) -> None:
        """Read again and again, until cancelled. Raises OSError if the process ends."""
        while True:
            now = read(self._pid)
            self.memory, self.files = max(self.memory, now.memory), max(self.files, now.files)
            await trio.sleep(EVERY)
