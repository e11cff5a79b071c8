"""Real `svc run` processes: their log as it comes, their signals and their end. Every wait has a deadline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio

from sandbox.postgres import free_port
from sandbox.telegram import DEMO_TOKEN
from tests.harness import SECRET

DEADLINE = 20.0


class ServiceProcess:
    """One instance. `log` holds its JSON lines so far."""

    def __init__(self, process: trio.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.log: list[dict[str, Any]] = []
        self.stderr = b""
        self._news = trio.Event()

    async def event(self, name: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait for the `count`-th line of event `name` with these fields."""
        with trio.fail_after(DEADLINE):
            while True:
                found = [line for line in self.log if line["event"] == name and fields.items() <= line.items()]
                if len(found) >= count:
                    return found[count - 1]
                await self._news.wait()

    async def active(self) -> int:
        """Wait until it is ACTIVE; the epoch."""
        epoch: int = (await self.event("STATE", to="ACTIVE"))["epoch"]
        return epoch

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to this process, and to no other."""
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        """Wait for its end."""
        with trio.fail_after(DEADLINE):
            return await self.process.wait()

    async def read(self) -> None:
        """Collect the log until the process ends."""
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            self.log += [json.loads(line) for line in lines]
            self._news.set()
            self._news = trio.Event()

    async def read_errors(self) -> None:
        """Collect what it writes to stderr."""
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            self.stderr += chunk


def service_environment(database_url: str, telegram: str, port: int, **settings: str) -> dict[str, str]:
    """The environment of one instance."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    return {
        **inherited,
        "BOT_TOKEN": DEMO_TOKEN,
        "DATABASE_URL": database_url,
        "WEBHOOK_SECRET": SECRET,
        "TELEGRAM_API_ROOT": telegram,
        "PORT": str(port),
        "LOG_FORMAT": "json",
        **settings,
    }


@asynccontextmanager
async def running_service(database_url: str, telegram: str, **settings: str) -> AsyncIterator[ServiceProcess]:
    """`svc run` as a process of its own; killed at the end of the block if it still runs."""
    port = free_port()
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "svc", "run"],
        env=service_environment(database_url, telegram, port, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    service = ServiceProcess(process, port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.read)
        nursery.start_soon(service.read_errors)
        try:
            yield service
        finally:
            with trio.move_on_after(DEADLINE, shield=True):
                if process.poll() is None:
                    process.kill()
                await process.wait()
        nursery.cancel_scope.cancel(reason="the process has ended")


async def until_healthy(service: ServiceProcess) -> None:
    """Wait until /healthz answers."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with trio.fail_after(DEADLINE):
            while True:
                try:
                    if (await client.get(f"{service.url}/healthz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await trio.sleep(0.02)
