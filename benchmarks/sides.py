"""A side of the comparison as a process: started, asked whether it is ready, read and ended by pid."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from benchmarks import processes
from benchmarks.http1 import take_message
from benchmarks.updates import Numbers
from fleet.process import service_environment

READY_DEADLINE = 30.0
STOP_DEADLINE = 30.0
SETTLE_DEADLINE = 60.0
SETTLE_EVERY = 0.05


class SideFailed(Exception):
    """A side did not start, work or stop; the message ends with the last lines of its log."""


@dataclass
class Side:
    """One of the contenders: how it is started, and how it is asked for work it still owes.

    `command` is run in `folder`. `owes` is a query that is true while acknowledged updates are not worked off, in which
    `{sent}` stands for how many were sent; None where there are none by design. `says_state` is false for one that has
    no /healthz: it is ready once it answers anything.

    With a `leader` the side is two processes on one database: that one is ACTIVE and sends, and this one stays PASSIVE,
    as the lock is not free, and takes in. Processor time and memory are those of both.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    settings: dict[str, str]
    owes: str | None
    port: int
    database_url: str
    log: Path
    says_state: bool = True
    leader: Side | None = None
    numbers: Numbers = field(default_factory=Numbers)
    _process: subprocess.Popen[bytes] | None = None

    async def start(self, api_port: int, state: str = "ACTIVE") -> None:
        """Start the process and wait until it says it is in `state`, PASSIVE beside a leader; SideFailed after 30 s."""
        if self.leader is not None:
            await self.leader.start(api_port)
            state = "PASSIVE"
        api = f"http://127.0.0.1:{api_port}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220
                self.command,
                cwd=self.folder,
                env=service_environment(self.database_url, api, self.port, **self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self._wait_until(state)

    def kill(self) -> float:
        """End the process with SIGKILL; returns when, in Unix time."""
        process, self._process = self._process, None
        assert process is not None
        killed = time.time()
        process.kill()
        process.wait()
        return killed

    async def stop(self) -> None:
        """End the process with SIGTERM, with SIGKILL if that takes over 30 s; both are said if they fail."""
        try:
            await self._stop()
        finally:
            if self.leader is not None:
                await self.leader.stop()

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        if not await _ended(process, STOP_DEADLINE):
            process.kill()
            process.wait()
            raise SideFailed(f"{self.name} did not end within {STOP_DEADLINE:.0f} s\n{self.log_tail()}")

    async def settle(self) -> None:
        """Wait until nothing acknowledged is left to be worked off; raises SideFailed after 60 s."""
        if self.owes is None:
            return
        connection = await asyncpg.connect(self.database_url, timeout=10)
        try:
            give_up = time.monotonic() + SETTLE_DEADLINE
            while await connection.fetchval(self.owes.format(sent=self.numbers.taken), timeout=10):
                if time.monotonic() > give_up:
                    raise SideFailed(f"{self.name} still owes work after {SETTLE_DEADLINE:.0f} s\n{self.log_tail()}")
                await asyncio.sleep(SETTLE_EVERY)
        finally:
            await connection.close(timeout=10)

    async def processed(self) -> int:
        """How many updates the database says have been processed."""
        connection = await asyncpg.connect(self.database_url, timeout=10)
        try:
            found: int = await connection.fetchval("select count(*) from processed_updates", timeout=30)
            return found
        finally:
            await connection.close(timeout=10)

    @property
    def pid(self) -> int:
        """Of the process that takes in; raises SideFailed if it has ended."""
        return self._pids()[0]

    def cpu_seconds(self) -> float:
        """Processor time the side has used so far, user and system."""
        return processes.cpu_seconds(self._pids())

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory now and at its highest, in MiB, over the side's processes and their children."""
        return processes.memory_mb(self._pids())

    def log_tail(self) -> str:
        """The last lines of the side's log."""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-15:])

    def _pids(self) -> list[int]:
        if self._process is None or self._process.poll() is not None:
            raise SideFailed(f"{self.name} has ended by itself\n{self.log_tail()}")
        pids = processes.with_descendants(self._process.pid)
        return pids if self.leader is None else pids + self.leader._pids()

    async def _wait_until(self, state: str) -> None:
        assert self._process is not None
        give_up = time.monotonic() + READY_DEADLINE
        wanted = f'"{state}"' if self.says_state else ""
        while not await _answers(wanted, self.port):
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise SideFailed(f"{self.name} was not {state} in {READY_DEADLINE:.0f} s\n{self.log_tail()}")
            await asyncio.sleep(0.05)


async def _answers(wanted: str, port: int) -> bool:
    """Whether there is an answer with `wanted` in its body."""
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request.encode())
                message = take_message(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return message is not None and wanted.encode() in message[1]


async def _ended(process: subprocess.Popen[bytes], within: float) -> bool:
    give_up = time.monotonic() + within
    while process.poll() is None and time.monotonic() < give_up:  # noqa: ASYNC110, nothing tells us
        await asyncio.sleep(0.02)
    return process.poll() is not None
