"""`svc demo`: the whole system on this machine. A real Postgres, stand-ins for Telegram and for the provider that
creates, two instances of the service.

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
from svc.handler.bot import BotError, load_bot
from svc.operations.demo_instance import LOOPBACK, Instance
from svc.operations.exit_codes import BAD_USAGE, DONE, FAILED, INTERRUPTED
from svc.waiting import until

CHAT_PORT = 8081
SERVICE_PORTS = (8080, 8082)
PROVIDER_PORT = 8083
USER = 1001
_LABELS = ("first", "second")


async def run_demo(bot: str | None = None) -> int:
    """Run until Ctrl-C or SIGTERM. Returns the exit code: 130 if it was interrupted before all was up.

    `bot` is the `package.module:name` of another bot than the one that the settings name.
    """
    if bot is not None:
        try:
            load_bot(bot)
        except BotError as error:
            print(f"svc demo: {error}", file=sys.stderr)
            return BAD_USAGE
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        print("svc demo: starting a Postgres, stand-ins for Telegram and kie, and two instances ...", flush=True)
        try:
            with temporary_postgres() as postgres:
                return await _until_signalled(signals, partial(_with_postgres, postgres.url, bot))
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


async def _with_postgres(database_url: str, bot: str | None, stop: trio.Event) -> int:
    # Here, since it draws with a library that only the extra `sandbox` brings, like the Postgres that has started.
    from sandbox.kie.app import DEMO_KEY, KieSandbox

    first, second = (Instance(_port(port), label) for port, label in zip(SERVICE_PORTS, _LABELS, strict=True))
    async with trio.open_nursery() as nursery:
        telegram: str = await nursery.start(partial(Sandbox([DEMO_TOKEN]).run, port=_port(CHAT_PORT)))
        provider: str = await nursery.start(partial(KieSandbox(DEMO_KEY).run, port=_port(PROVIDER_PORT)))
        environ = {
            **os.environ,
            "BOT_TOKEN": DEMO_TOKEN,
            "DATABASE_URL": database_url,
            "LEADER_DATABASE_URL": "",
            "WEBHOOK_SECRET": secrets.token_hex(16),
            "WEBHOOK_URL": "",
            "INTAKE": "webhook",
            "TELEGRAM_API_ROOT": telegram,
            "KIE_API_KEY": DEMO_KEY,
            "KIE_API_ROOT": provider,
            "KIE_WEBHOOK_KEY": "",
            # Any instance takes callbacks, and the PASSIVE one is not killed by who tries a takeover.
            "PUBLIC_URL": second.address,
        }
        if bot is not None:
            environ["BOT"] = bot
        code = await _with_services(environ, telegram, first, second, stop)
        nursery.cancel_scope.cancel(reason="the demo is over")
    return code


async def _with_services(
    environ: Mapping[str, str], telegram: str, first: Instance, second: Instance, stop: trio.Event
) -> int:
    try:
        code = await until(stop, partial(_set_up, environ, telegram, first, second))
        if code is None:
            return INTERRUPTED
        if code == DONE:
            print(_welcome(telegram, environ["KIE_API_ROOT"], first, second), flush=True)
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


def _welcome(telegram: str, provider: str, active: Instance, passive: Instance) -> str:
    return f"""
  The bot is up. Open the chat:     {telegram}/
  and type /start, or from here:    curl -d '{{"text": "/start"}}' {telegram}/user/{USER}/send
  What the user then sees:          curl {telegram}/user/{USER}/messages
  What the bot has called:          curl {telegram}/calls
  What it has had created:          curl {provider}/control/tasks
  The ACTIVE instance (answers):    {active.address}/healthz  /readyz  /metrics
  The PASSIVE one (only stores):    {passive.address}/healthz
  Let it take over:                 kill -9 {active.pid}
  Ctrl-C ends all of it.
"""
