"""Processor time and memory of processes with their children, by /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sandbox.postgres import EmbeddedPostgres

_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat behind the command's name: user and system time, its own and then that of ended children.
_OWN = slice(11, 13)
_WITH_ENDED_CHILDREN = slice(11, 15)


def with_descendants(pid: int) -> list[int]:
    """The process and all that it has started and that live."""
    pids = [pid]
    for each in pids:  # grows while it is walked: children of children
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
            for task in os.listdir(f"/proc/{each}/task"):
                pids += _children(each, task)
    return pids


def _children(pid: int, task: str) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []  # it has ended since


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of these processes so far, user and system."""
    return sum(_seconds(pid, _OWN) for pid in pids)


def family_cpu_seconds(pid: int) -> float:
    """Processor time of the process and its children, of those that have ended too: never less than before."""
    total = 0.0
    for each in with_descendants(pid):
        try:
            total += _seconds(each, _WITH_ENDED_CHILDREN)
        except OSError:
            continue  # it has ended since
    return total


def postgres_cpu_seconds(server: EmbeddedPostgres) -> float:
    """Processor time of all of a server's processes."""
    return family_cpu_seconds(int((server.data / "postmaster.pid").read_text().split()[0]))


def memory_mb(pids: Iterable[int]) -> tuple[float, float]:
    """Resident memory of these processes now and at its highest, in MiB."""
    now = peak = 0.0
    for pid in pids:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        now += int(status["VmRSS"].split()[0]) / 1024
        peak += int(status["VmHWM"].split()[0]) / 1024
    return now, peak


def _seconds(pid: int, times: slice) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[times])) / _TICKS
