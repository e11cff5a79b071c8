"""Processor time and memory of processes, from /proc, and what the database counts of itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet.many_bots.members import Members
from fleet.promises import rows
from sandbox.postgres import EmbeddedPostgres

WAL = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"


@dataclass(frozen=True)
class Reading:
    """What has been used up so far: processor seconds of server and members, statements by kind, bytes of WAL."""

    at: float
    server: float
    members: float
    statements: Counter[str]
    wal: int

    def since(self, earlier: Reading) -> Reading:
        """What was used between the two; `at` are the seconds between them."""
        return Reading(
            self.at - earlier.at,
            self.server - earlier.server,
            self.members - earlier.members,
            self.statements - earlier.statements,
            self.wal - earlier.wal,
        )


class Meter:
    """Reads what one server and the members have used. Processes that end between two readings take theirs along."""

    def __init__(self, server: EmbeddedPostgres, members: Members) -> None:
        self._server = server
        self._members = members

    async def read(self) -> Reading:
        """What has been used up to now."""
        ((wal,),) = await rows(self._server.url, WAL)
        counts = [await member.count() for member in self._members.running]
        processes = [member.process.pid for member in self._members.running]
        return Reading(
            time.monotonic(),
            processor_seconds(server_processes(self._server)),
            processor_seconds(processes),
            sum(counts, Counter()),
            wal,
        )


def server_processes(server: EmbeddedPostgres) -> list[int]:
    """The processes of a server that runs: the first one and its children."""
    first = int((server.data / "postmaster.pid").read_text().split()[0])
    return [first, *(pid for pid, parent in _parents() if parent == first)]


def processor_seconds(pids: Iterable[int]) -> float:
    """The processor seconds of all threads of these processes so far; who has ended has none."""
    used = 0
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):  # it has ended meanwhile
                used += int(path.read_text().split()[0])
    return used / 1e9


def private_bytes(pids: Sequence[int]) -> float:
    """The memory that each of these processes has for itself alone, on average."""
    return sum(map(_private_bytes, pids)) / max(1, len(pids))


def resident_bytes(pid: int) -> int:
    """The resident memory of a process."""
    return _of_status(Path(f"/proc/{pid}/status"), ("VmRSS:",))


def _private_bytes(pid: int) -> int:
    return _of_status(Path(f"/proc/{pid}/smaps_rollup"), ("Private_Clean:", "Private_Dirty:"))


def _of_status(path: Path, names: Sequence[str]) -> int:
    lines = (line.split() for line in path.read_text().splitlines())
    return sum(int(words[1]) * 1024 for words in lines if words[0] in names)


def _parents() -> Iterable[tuple[int, int]]:
    """Every process with its parent."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
