"""`svc demo`: the whole system on this machine, with its page, or a show of it in the terminal.

Nothing is installed or left behind: the databases lie in a temporary folder, and Ctrl-C ends all of it. What is
imported here needs the extra `sandbox`.
"""

from __future__ import annotations

import signal
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import NoReturn

import trio

from demo.running import FAILURES, running_system
from demo.server import serve_page
from demo.show.show import run_show
from sandbox.ports import free_port
from svc.handler.bot import BotError, load_bot
from svc.observability.errors import describe, leaves
from svc.operations.demo_text import Steps, say, welcome
from svc.operations.exit_codes import BAD_USAGE, DONE, FAILED, INTERRUPTED
from svc.waiting import until

CHAT_PORT = 8081
ENDED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Work = Callable[[Callable[[], None]], Awaitable[int]]
"""Returns an exit code. Is given a function to call when all is up: from then on a signal is the usual end."""


async def run_demo(bot: str | None = None) -> int:
    """Run until a signal ends it. Returns the exit code: 130 if it was interrupted before all was up.

    `bot` is the `package.module:name` of another bot than the one that the settings name.
    """
    code = await _run(bot, partial(_with_page, bot))
    if code == INTERRUPTED:
        say("")  # in the middle of a line
    return code


async def run_headless(script: str, bot: str | None, *, as_json: bool) -> int:
    """Run a show in the terminal. Returns its exit code: 130 if it was interrupted."""

    async def show(_up: Callable[[], None]) -> int:
        return await run_show(script, bot=bot, as_json=as_json)

    return await _run(bot, show)


async def _run(bot: str | None, work: Work) -> int:
    """Do the work until a signal comes. Where it cannot be done, or is broken off, the last line on stderr says why."""
    if bot is not None:
        try:
            load_bot(bot)
        except BotError as error:
            return _failed(str(error), BAD_USAGE)
    code, why = INTERRUPTED, ""

    def up() -> None:
        nonlocal code
        code = DONE

    try:
        with trio.open_signal_receiver(*_signals()) as signals:
            ended = await _until_signalled(signals, partial(work, up))
            code = code if ended is None else ended
    except* FAILURES as group:
        why = "; ".join(describe(error) for error in leaves(group))
    except* Exception as group:  # a fault of the demo's own: all is ended by now, and where it was is for its authors
        traceback.print_exception(group)
        why = f"it broke off, by a fault of its own: {'; '.join(describe(error) for error in leaves(group))}"
    return _failed(why) if why else code


def _signals() -> list[signal.Signals]:
    """Those that end it. One that whoever has started us wants ignored, as `nohup` does, stays ignored."""
    return [number for number in ENDED_BY if signal.getsignal(number) is not signal.SIG_IGN]


async def _until_signalled(signals: AsyncIterator[int], work: Callable[[], Awaitable[int]]) -> int | None:
    """The result of the work; None if a signal came first. What it has begun is ended in order either way."""
    stop = trio.Event()

    async def listen() -> None:
        async for _ in signals:
            stop.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        result = await until(stop, work)
        nursery.cancel_scope.cancel(reason="the demo is over")
    return result


async def _with_page(bot: str | None, up: Callable[[], None]) -> NoReturn:
    steps = Steps()
    async with running_system(bot, steps.begin) as system, trio.open_nursery() as nursery:
        address: str = await nursery.start(serve_page, system, free_or_any(CHAT_PORT))
        steps.end()
        up()
        active = system.active
        say(welcome(address, system.environment, system.folder / "logs", active.pid if active else None))
        await trio.sleep_forever()


def free_or_any(wished: int) -> int:
    """The port `wished`, or any other if it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wished))
        except OSError:
            return free_port()
    return wished


def _failed(why: str, code: int = FAILED) -> int:
    print(f"svc demo: {why}", file=sys.stderr)
    return code
