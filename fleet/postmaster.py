"""A Postgres server as a family of processes: the postmaster, and what it has started. Found by Linux' /proc."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def postmaster_of(data: Path) -> int | None:
    """The process that leads the server on this data folder; None if none does. A killed one leaves its file behind."""
    try:
        # Below zero: a server in single-user mode.
        pid = abs(int((data / "postmaster.pid").read_text().split()[0]))
        at_home = Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except (OSError, IndexError):
        return None
    return pid if at_home else None


def signal_server(postmaster: int, number: signal.Signals) -> None:
    """Send a signal to every process of a server; to those that are gone already, nothing."""
    # Who makes the others is stopped first, so that none is missed, and goes on last.
    if number == signal.SIGCONT:
        _send([*_children(postmaster), postmaster], number)
        return
    children = _children(postmaster)
    _send([postmaster], number)
    _send([*children, *_children(postmaster)], number)


def _children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # The name, in parentheses, may hold anything; the parent is the second field after it.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
