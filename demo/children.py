"""The processes that the demo has started: whether they live, which else there are, and their end."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "SVC_DEMO_FOLDER"
"""The environment variable that every process of the demo has: the demo's folder."""
IN_ORDER = 6.0
"""Seconds that a process has for the end that its signal asks for, before it is killed. (Postgres kills what is left of
its own after 5 s.)"""
KILLED = 10.0
"""Seconds that killed processes and the folder have to be gone."""
_LOOK_AGAIN = 0.02


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started. `born` tells it from a later one with the same id: its start time as /proc has it, in
    clock ticks since the machine booted, and 0 where there is none. `end_by` is the signal that ends it."""

    pid: int
    born: int
    end_by: signal.Signals = signal.SIGKILL


def born(pid: int) -> int:
    """When a process was started, in the clock ticks of /proc; 0 if it is gone, a zombie, or there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The name, in parentheses, may hold anything; the state is the first field after it, the start time the 20th.
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])


def lives(child: Child) -> bool:
    """Whether it has not ended."""
    if Path("/proc/self/stat").exists():
        return child.born != 0 and born(child.pid) == child.born
    try:
        os.kill(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def marked(folder: str) -> Iterator[Child]:
    """The processes whose environment, as they were started with, has MARK with this folder; none without a /proc."""
    entry = f"{MARK}={folder}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended meanwhile, or is not ours
            pid = int(environ.parent.name)
            if entry in environ.read_bytes().split(b"\0") and (since := born(pid)):
                yield Child(pid, since)


def end_all(children: Collection[Child], folder: str) -> None:
    """End these processes, each by its signal, and all that are marked; kill what is not gone in time."""
    for child in children:
        # One that stands still would never see a signal that it can catch.
        _send(child, child.end_by)
        _send(child, signal.SIGCONT)
    if _all_gone(children, folder, IN_ORDER):
        return
    for child in {*children, *marked(folder)}:
        _send(child, signal.SIGKILL)
    _all_gone(children, folder, KILLED)


def remove(folder: Path) -> None:
    """Remove a folder, again as long as somebody is still writing into it. Raises OSError after 10 s."""
    give_up = time.monotonic() + KILLED
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < give_up)


def _send(child: Child, number: signal.Signals) -> None:
    if lives(child):
        with suppress(ProcessLookupError):  # it has ended this very moment
            os.kill(child.pid, number)


def _all_gone(children: Collection[Child], folder: str, seconds: float) -> bool:
    give_up = time.monotonic() + seconds
    while any(map(lives, children)) or any(True for _ in marked(folder)):
        if time.monotonic() > give_up:
            return False
        time.sleep(_LOOK_AGAIN)
    return True
