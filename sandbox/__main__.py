"""`python -m sandbox`: the stand-in for Telegram on its own, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from functools import partial

import trio

from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN


async def run(sandbox: Sandbox, port: int) -> None:
    """Serve until a signal comes. Raises OSError if the port is taken."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            base_url = await nursery.start(partial(sandbox.run, port=port))
            print(f"Bot API sandbox on {base_url} (open it in a browser to chat)", flush=True)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for Telegram's Bot API server.")
    parser.add_argument(
        "--port",
        type=int,
        choices=range(65536),
        metavar="PORT",
        default=8081,
        help="port on 127.0.0.1 (default: %(default)s; 0: a free one)",
    )
    parser.add_argument(
        "--token", action="append", type=_token, help=f"a bot's token; may be repeated (default: {DEMO_TOKEN})"
    )
    parser.add_argument("--seed", type=int, default=0, help="makes ids and random pauses repeatable")
    parser.add_argument("--strict", action="store_true", help="accept webhooks only where the public server would")
    arguments = parser.parse_args()
    sandbox = Sandbox(arguments.token or [DEMO_TOKEN], seed=arguments.seed, strict_webhooks=arguments.strict)
    why = None
    try:
        trio.run(run, sandbox, arguments.port)
    except* OSError as problems:
        # Said below: whatever leaves this block would be wrapped in a group.
        why = f"cannot serve on port {arguments.port}: {_first(problems)}"
    sys.exit(why)


def _token(text: str) -> str:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", text):
        raise argparse.ArgumentTypeError("is not a bot token (it looks like 123456:ABC-def)")
    return text


def _first(problem: BaseException) -> BaseException:
    return _first(problem.exceptions[0]) if isinstance(problem, BaseExceptionGroup) else problem


if __name__ == "__main__":
    main()
