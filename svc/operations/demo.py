"""`svc demo`: the whole system on this machine. A real Postgres, a sandbox Telegram, two instances of the service.

Nothing is installed or left behind: the database lies in a temporary folder, and Ctrl-C ends all of it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial

import httpx
import trio

from sandbox.app import Sandbox
from sandbox.postgres import PostgresFailed, free_port, temporary_postgres
from sandbox.telegram import DEMO_TOKEN

CHAT_PORT = 8081
START_DEADLINE = 30.0
STOP_DEADLINE = 30.0
USER = 1001


async def run_demo() -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        try:
            with temporary_postgres() as postgres:
                return await _with_postgres(postgres.url, signals)
        except PostgresFailed as error:
            print(f"svc demo: {error}", file=sys.stderr)
            return 1


async def _with_postgres(database_url: str, signals: AsyncIterator[int]) -> int:
    sandbox = Sandbox(tokens=[DEMO_TOKEN])
    async with trio.open_nursery() as nursery:
        telegram: str = await nursery.start(partial(sandbox.run, port=_port(CHAT_PORT)))
        environ = {
            **os.environ,
            "BOT_TOKEN": DEMO_TOKEN,
            "DATABASE_URL": database_url,
            "LEADER_DATABASE_URL": "",
            "WEBHOOK_SECRET": secrets.token_hex(16),
            "WEBHOOK_URL": "",
            "INTAKE": "webhook",
            "TELEGRAM_API_ROOT": telegram,
        }
        code = await _with_services(environ, telegram, signals)
        nursery.cancel_scope.cancel(reason="the demo is over")
    return code


async def _with_services(environ: Mapping[str, str], telegram: str, signals: AsyncIterator[int]) -> int:
    first, second = Instance(_port(8080), "first"), Instance(_port(8082), "second")
    try:
        for instance, state in ((first, "ACTIVE"), (second, "PASSIVE")):
            await instance.start(environ)
            if not await instance.reaches(state):
                print(f"svc demo: the {instance.label} instance did not become {state}", file=sys.stderr)
                return 1
        # To the PASSIVE one: it stores, the ACTIVE one answers, and if that is killed the other is there.
        await _set_webhook(telegram, f"{second.address}/webhook", environ["WEBHOOK_SECRET"])
        print(_welcome(telegram, first, second), flush=True)
        async for _ in signals:
            break
        return 0
    finally:
        with trio.CancelScope(shield=True):
            await second.end()
            await first.end()


class Instance:
    """One `svc run` of the demo."""

    def __init__(self, port: int, label: str) -> None:
        self.port = port
        self.label = label
        self.address = f"http://127.0.0.1:{port}"
        self._process: trio.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self, environ: Mapping[str, str]) -> None:
        """Start it in a session of its own: Ctrl-C on the terminal reaches the demo, which ends it in order."""
        self._process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "svc", "run"],
            env={**environ, "PORT": str(self.port), "INSTANCE_ID": self.label},
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


async def _set_webhook(telegram: str, url: str, secret: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{telegram}/bot{DEMO_TOKEN}/setWebhook", json={"url": url, "secret_token": secret, "max_connections": 40}
        )
        answer.raise_for_status()


def _port(wished: int) -> int:
    """The port `wished`, or any other if it is taken."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wished))
        except OSError:
            return free_port()
    return wished


def _welcome(telegram: str, active: Instance, passive: Instance) -> str:
    return f"""
  The bot is up. Open the chat:     {telegram}/
  and type /start, or from here:    curl -d '{{"text": "/start"}}' {telegram}/user/{USER}/send
  What the user then sees:          curl {telegram}/user/{USER}/messages
  What the bot has called:          curl {telegram}/calls
  The ACTIVE instance (answers):    {active.address}/healthz  /readyz  /metrics
  The PASSIVE one (only stores):    {passive.address}/healthz
  Let it take over:                 kill -9 {active.pid}
  Ctrl-C ends all of it.
"""
