"""One instance of the service as the demo runs it: `svc run` in a process of its own, on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import httpx
import trio

LOOPBACK = "127.0.0.1"
START_DEADLINE = 30.0
STOP_DEADLINE = 30.0


class Instance:
    """One `svc run` of the demo."""

    def __init__(self, port: int, label: str) -> None:
        self.port = port
        self.label = label
        self.address = f"http://{LOOPBACK}:{port}"
        self._process: trio.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self, environ: Mapping[str, str]) -> None:
        """Start it in a session of its own: Ctrl-C on the terminal reaches the demo, which ends it in order."""
        # -P: without the working folder on the import path, where somebody may have a `migrations` of their own.
        self._process = await trio.lowlevel.open_process(
            [sys.executable, "-P", "-m", "svc", "run"],
            env={**environ, "HOST": LOOPBACK, "PORT": str(self.port), "INSTANCE_ID": self.label},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )

    async def reaches(self, state: str) -> bool:
        """Whether it is in `state` before it ends and within 30 s."""
        assert self._process is not None
        async with httpx.AsyncClient(trust_env=False) as client:
            with trio.move_on_after(START_DEADLINE):
                while self._process.poll() is None:
                    try:
                        health = await client.get(f"{self.address}/healthz")
                        if health.json()["state"] == state:
                            return True
                    except httpx.TransportError:
                        pass  # not up yet
                    await trio.sleep(0.05)
        return False

    async def end(self) -> None:
        """SIGTERM, and SIGKILL if that takes over 30 s."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        with trio.move_on_after(STOP_DEADLINE):
            await self._process.wait()
            return
        self._process.kill()
        await self._process.wait()
