"""`svc demo`: the whole system on this machine. A real Postgres, a sandbox Telegram, two instances of the service.

Nothing is installed or left behind: the database lies in a temporary folder, and Ctrl-C ends all of it.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial

import httpx
import trio

from sandbox.app import Sandbox
from sandbox.ports import free_port
from sandbox.postgres import PostgresFailed, temporary_postgres
from sandbox.telegram import DEMO_TOKEN
from svc.operations.demo_instance import LOOPBACK, Instance
from svc.operations.exit_codes import DONE, FAILED, INTERRUPTED
from svc.waiting import until

CHAT_PORT = 8081
USER = 1001


async def run_demo() -> int:
    """Run until Ctrl-C or SIGTERM. Returns the exit code: 130 if it was interrupted before all was up."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        print("svc demo: starting a Postgres, a sandbox Telegram and two instances ...", flush=True)
        try:
            with temporary_postgres() as postgres:
                return await _until_signalled(signals, partial(_with_postgres, postgres.url))
        except PostgresFailed as error:
            print(f"svc demo: {error}", file=sys.stderr)
            return FAILED


async def _until_signalled(signals: AsyncIterator[int], work: Callable[[trio.Event], Awaitable[int]]) -> int:
    """Run `work`, which gets an event that is set when a signal comes; returns its exit code."""
    stop = trio.Event()

    async def listen() -> None:
        async for _ in signals:
            stop.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        code = await work(stop)
        nursery.cancel_scope.cancel(reason="the demo is over")
    return code


async def _with_postgres(database_url: str, stop: trio.Event) -> int:
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
        code = await _with_services(environ, telegram, stop)
        nursery.cancel_scope.cancel(reason="the demo is over")
    return code


async def _with_services(environ: Mapping[str, str], telegram: str, stop: trio.Event) -> int:
    first, second = Instance(_port(8080), "first"), Instance(_port(8082), "second")
    try:
        code = await until(stop, partial(_set_up, environ, telegram, first, second))
        if code is None:
            return INTERRUPTED
        if code == DONE:
            print(_welcome(telegram, first, second), flush=True)
            await stop.wait()
        return code
    finally:
        with trio.CancelScope(shield=True):
            await second.end()
            await first.end()


async def _set_up(environ: Mapping[str, str], telegram: str, first: Instance, second: Instance) -> int:
    for instance, state in ((first, "ACTIVE"), (second, "PASSIVE")):
        await instance.start(environ)
        if not await instance.reaches(state):
            print(f"svc demo: the {instance.label} instance did not become {state}", file=sys.stderr)
            return FAILED
    # To the PASSIVE one: it stores and the ACTIVE one answers. When that is killed, updates still arrive.
    await _set_webhook(telegram, f"{second.address}/webhook", environ["WEBHOOK_SECRET"])
    return DONE


async def _set_webhook(telegram: str, url: str, secret: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{telegram}/bot{DEMO_TOKEN}/setWebhook", json={"url": url, "secret_token": secret, "max_connections": 40}
        )
        answer.raise_for_status()


def _port(wished: int) -> int:
    """The port `wished`, or any other if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wished))
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
