"""What the stand-ins' command lines share: a port to serve on, and serving until a signal comes."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import trio

Serve = Callable[..., Awaitable[None]]
"""`serve(port=..., task_status=...)`, which starts with its base URL."""


def add_port(parser: argparse.ArgumentParser, default: int) -> None:
    """The option `--port`."""
    parser.add_argument(
        "--port",
        type=int,
        choices=range(65536),
        metavar="PORT",
        default=default,
        help="port on 127.0.0.1 (default: %(default)s; 0: a free one)",
    )


def serve_and_exit(serve: Serve, port: int, announce: Callable[[str], str]) -> None:
    """Serve until SIGINT or SIGTERM, and end the process: with 0, or with one line where the port is taken.

    `announce` makes the line that is printed once it is up, from its base URL.
    """
    why = None
    try:
        trio.run(_until_signalled, serve, port, announce)
    except* OSError as problems:
        # Said below: whatever leaves this block would be wrapped in a group.
        why = f"cannot serve on port {port}: {_first(problems)}"
    sys.exit(why)


async def _until_signalled(serve: Serve, port: int, announce: Callable[[str], str]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            base_url: str = await nursery.start(partial(serve, port=port))
            print(announce(base_url), flush=True)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


def _first(problem: BaseException) -> BaseException:
    return _first(problem.exceptions[0]) if isinstance(problem, BaseExceptionGroup) else problem
