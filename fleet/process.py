"""One `svc run` as a process of its own: its log as it comes, its signals and its end. Every wait has a deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from json import loads
from pathlib import Path
from typing import Any

import httpx
import trio

from fleet.bot_api import BotApiCall, ObservedBotApi
from fleet.history import ActiveSpan, Halt, History
from fleet.waiting import DEADLINE
from sandbox.ports import free_port
from sandbox.telegram import DEMO_TOKEN
from svc.waiting import Wakeup

SECRET = "a-webhook-secret"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")

LogLine = dict[str, Any]
READ_AT = "read_at"
"""What every line of the log is given here: the Unix time at which it was read."""


@dataclass(frozen=True)
class Checkout:
    """A copy of the project, and the Python that runs it. `module` is run with the argument `run`."""

    folder: Path
    python: str
    module: str = "svc"


THIS = Checkout(Path(__file__).resolve().parent.parent, sys.executable)


def checkout_at(folder: Path) -> Checkout:
    """The checkout in `folder`, run by its own `.venv`; raises FileNotFoundError if either is missing."""
    python = folder.absolute() / ".venv" / "bin" / "python"
    for path in (folder / "svc", python):
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: {folder} must be a checkout with its own .venv")
    return Checkout(folder.absolute(), str(python))


class ServiceProcess:
    """One instance. `started` is when it was started (Unix time), `log` its JSON lines so far, `bot_api` its way
    to the Bot API if a Fleet started it. `clock_offsets` are the seconds by which its clock has been off.

    Of its log the lines are kept that `keeps` is true of: under hours of load it grows too long to be kept.
    """

    def __init__(self, process: trio.Process, port: int, started: float) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.started = started
        self.log: list[LogLine] = []
        self.stderr = b""
        self.bot_api: ObservedBotApi | None = None
        self.clock_offsets = [0.0]
        self.keeps: Callable[[bytes], bool] = bool
        self._halts: list[Halt] = []
        self._killed = False
        self._more_log = Wakeup()

    @property
    def calls(self) -> list[BotApiCall]:
        """What it has called at the Bot API so far."""
        return self.bot_api.calls if self.bot_api else []

    @property
    def sends(self) -> list[BotApiCall]:
        """The calls that send a message. The others are about the webhook."""
        return [call for call in self.calls if call.method == "sendMessage"]

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def lines(self, event: str, **fields: Any) -> list[LogLine]:
        """The lines of `event` with these fields so far."""
        return [line for line in self.log if line["event"] == event and fields.items() <= line.items()]

    def times_by_chat(self, event: str) -> dict[int, list[float]]:
        """The true times of the lines of `event`, by the chat that they are about."""
        times: dict[int, list[float]] = defaultdict(list)
        for line in self.lines(event):
            times[line["chat_id"]].append(self._when(line))
        return times

    async def event(self, event: str, count: int = 1, **fields: Any) -> LogLine:
        """Wait for the `count`-th line of `event` with these fields."""
        with trio.fail_after(DEADLINE):
            while len(found := self.lines(event, **fields)) < count:
                await self._more_log.wait()
        return found[count - 1]

    async def active(self) -> int:
        """Wait until it is ACTIVE; the epoch."""
        epoch: int = (await self.event("STATE", to="ACTIVE"))["epoch"]
        return epoch

    @property
    def state(self) -> str:
        """The state it was last in, by its log."""
        states = self.lines("STATE")
        return states[-1]["to"] if states else "BOOT"

    def history(self) -> History:
        """What it has done so far."""
        spans = []
        for line in self.lines("STATE", to="ACTIVE"):
            epoch = line["epoch"]
            ends = [*self.lines("LOCK_RELEASED", epoch=epoch), *self.lines("LOCK_LOST", epoch=epoch)]
            spans.append(ActiveSpan(epoch, self._when(line), *(self._when(end) for end in ends[:1])))
        return History(spans, self.calls, self._halts)

    def _when(self, line: LogLine) -> float:
        """The true time of a line: by the offset of its clock with which that is nearest to when the line was read."""
        read_at: float = line[READ_AT]
        return min((when(line) - offset for offset in self.clock_offsets), key=lambda time: abs(time - read_at))

    async def get(self, path: str) -> httpx.Response | None:
        """What it answers to a GET; None if it refuses or breaks the connection."""
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE) as client:
            try:
                return await client.get(f"{self.url}{path}")
            except httpx.NetworkError:
                return None

    async def ready(self) -> None:
        """Wait until /readyz answers 200."""
        with trio.fail_after(DEADLINE):
            while (answer := await self.get("/readyz")) is None or answer.status_code != 200:
                await trio.sleep(0.02)

    def send_signal(self, number: signal.Signals) -> float:
        """Send a signal to this process, and to no other. Returns when, in Unix time."""
        now = time.time()
        if number in (signal.SIGKILL, signal.SIGSTOP):
            self._halts.append(Halt(now))
        elif number == signal.SIGCONT and not self._killed:
            self._halts[-1].end = now
        self._killed |= number == signal.SIGKILL
        self.process.send_signal(number)
        return now

    async def exit_code(self) -> int:
        """Wait for its end."""
        with trio.fail_after(DEADLINE):
            return await self.process.wait()

    async def read_log(self) -> None:
        """Collect the log until the process ends."""
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            self.log += [loads(line) | {READ_AT: time.time()} for line in lines if self.keeps(line)]
            self._more_log.set()

    async def read_stderr(self) -> None:
        """Collect what it writes to stderr until the process ends."""
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            self.stderr += chunk


def when(line: LogLine) -> float:
    """The Unix time of a line of the log."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def inherited_environment() -> dict[str, str]:
    """What every process that is started here inherits of our environment: no settings."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def service_environment(database_url: str, telegram: str, port: int, **settings: str) -> dict[str, str]:
    """The whole environment of one instance: a few inherited names, the required settings, and `settings`."""
    return {
        **inherited_environment(),
        "BOT_TOKEN": DEMO_TOKEN,
        "DATABASE_URL": database_url,
        "WEBHOOK_SECRET": SECRET,
        "TELEGRAM_API_ROOT": telegram,
        "PORT": str(port),
        "LOG_FORMAT": "json",
        **settings,
    }


@asynccontextmanager
async def running_service(
    database_url: str, telegram: str, checkout: Checkout = THIS, **settings: str
) -> AsyncIterator[ServiceProcess]:
    """`svc run` without flood control, as a process of its own; killed at the end of the block if it still runs."""
    port = free_port()
    unlimited = {"SEND_RATE": "0", "SEND_RATE_CHAT": "0", "SEND_RATE_GROUP": "0"}
    started = time.time()
    process = await trio.lowlevel.open_process(
        [checkout.python, "-m", checkout.module, "run"],
        cwd=checkout.folder,
        env=service_environment(database_url, telegram, port, **unlimited | settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    service = ServiceProcess(process, port, started)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.read_log)
        nursery.start_soon(service.read_stderr)
        try:
            yield service
        finally:
            with trio.move_on_after(DEADLINE, shield=True):
                if service.running:
                    process.kill()
                await process.wait()
        nursery.cancel_scope.cancel(reason="the process has ended")
