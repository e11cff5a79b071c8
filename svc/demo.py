"""`svc demo`: the whole system on this machine. A real Postgres, a sandbox Telegram, one instance of the service.

Nothing is installed or left behind: the database lies in a temporary folder, and Ctrl-C ends all of it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
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


async def _with_postgres(database_url: str, signals: object) -> int:
    sandbox = Sandbox(tokens=[DEMO_TOKEN])
    async with trio.open_nursery() as nursery:
        telegram: str = await nursery.start(partial(sandbox.run, port=_port(CHAT_PORT)))
        port = _port(8080)
        secret = secrets.token_hex(16)
        environ = {
            **os.environ,
            "BOT_TOKEN": DEMO_TOKEN,
            "DATABASE_URL": database_url,
            "LEADER_DATABASE_URL": "",
            "WEBHOOK_SECRET": secret,
            "WEBHOOK_URL": "",
            "TELEGRAM_API_ROOT": telegram,
            "PORT": str(port),
        }
        service = f"http://127.0.0.1:{port}"
        code = await _with_service(environ, service, telegram, secret, signals)
        nursery.cancel_scope.cancel(reason="the demo is over")
    return code


async def _with_service(environ: Mapping[str, str], service: str, telegram: str, secret: str, signals: object) -> int:
    # A session of its own: Ctrl-C on the terminal reaches the demo, which then ends the service in order.
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "svc", "run"], env=environ, start_new_session=True, stdin=subprocess.DEVNULL
    )
    try:
        if not await _is_active(service, process):
            print("svc demo: the service did not become ACTIVE", file=sys.stderr)
            return 1
        await _set_webhook(telegram, f"{service}/webhook", secret)
        print(_welcome(telegram, service), flush=True)
        ended_by_itself = await _until_signal_or_exit(signals, process)
        return 1 if ended_by_itself else 0
    finally:
        with trio.CancelScope(shield=True):
            await _end(process)


async def _is_active(service: str, process: trio.Process) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        with trio.move_on_after(START_DEADLINE):
            while process.poll() is None:
                try:
                    health = await client.get(f"{service}/healthz")
                    if health.json()["state"] == "ACTIVE":
                        return True
                except httpx.TransportError:
                    pass  # not up yet
                await trio.sleep(0.05)
    return False


async def _set_webhook(telegram: str, url: str, secret: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{telegram}/bot{DEMO_TOKEN}/setWebhook", json={"url": url, "secret_token": secret, "max_connections": 40}
        )
        answer.raise_for_status()


async def _until_signal_or_exit(signals: object, process: trio.Process) -> bool:
    """True if the service ended by itself."""
    ended = False
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            nonlocal ended
            await process.wait()
            ended = True
            nursery.cancel_scope.cancel(reason="the service has ended")

        nursery.start_soon(watch)
        await signals.__anext__()  # type: ignore[attr-defined]
        nursery.cancel_scope.cancel(reason="asked to stop")
    return ended


async def _end(process: trio.Process) -> None:
    if process.poll() is None:
        process.terminate()
    with trio.move_on_after(STOP_DEADLINE):
        await process.wait()
        return
    process.kill()
    await process.wait()


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


def _welcome(telegram: str, service: str) -> str:
    return f"""
  The bot is up. Open the chat:     {telegram}/
  and type /start, or from here:    curl -d '{{"text": "/start"}}' {telegram}/user/{USER}/send
  What the user then sees:          curl {telegram}/user/{USER}/messages
  What the bot has called:          curl {telegram}/calls
  The service:                      {service}/healthz  /readyz  /metrics
  Ctrl-C ends all of it.
"""
