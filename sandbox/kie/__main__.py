"""`python -m sandbox.kie`: the stand-in for kie.ai on its own, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
from functools import partial

import trio

from sandbox.kie.app import DEMO_KEY, KieSandbox
from sandbox.kie.tasks import Durations


async def run(kie: KieSandbox, port: int) -> None:
    """Serve until a signal comes. Raises OSError if the port is taken."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            base_url = await nursery.start(partial(kie.run, port=port))
            print(f"kie sandbox on {base_url} (KIE_API_ROOT)", flush=True)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.kie", description="A stand-in for kie.ai.")
    parser.add_argument(
        "--port",
        type=int,
        choices=range(65536),
        metavar="PORT",
        default=8082,
        help="port on 127.0.0.1 (default: %(default)s; 0: a free one)",
    )
    parser.add_argument("--key", default=DEMO_KEY, help="the account's key (default: %(default)s)")
    parser.add_argument("--webhook-key", help="sign callbacks with this key (default: they are not signed)")
    parser.add_argument("--seed", type=int, default=0, help="makes ids and the shares of faults repeatable")
    for kind, seconds in (("image", 2.0), ("video", 6.0), ("audio", 2.0)):
        help_text = f"what a task of this kind takes (default: {seconds:g})"
        parser.add_argument(f"--{kind}", type=float, default=seconds, metavar="SECONDS", help=help_text)
    arguments = parser.parse_args()
    try:
        durations = Durations(arguments.image, arguments.video, arguments.audio)
    except ValueError as problem:
        parser.error(str(problem))
    kie = KieSandbox(arguments.key, webhook_key=arguments.webhook_key, seed=arguments.seed, durations=durations)
    why = None
    try:
        trio.run(run, kie, arguments.port)
    except* OSError as problems:
        # Said below: whatever leaves this block would be wrapped in a group.
        why = f"cannot serve on port {arguments.port}: {_first(problems)}"
    sys.exit(why)


def _first(problem: BaseException) -> BaseException:
    return _first(problem.exceptions[0]) if isinstance(problem, BaseExceptionGroup) else problem


if __name__ == "__main__":
    main()
