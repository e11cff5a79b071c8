"""`python -m sandbox.kie`: the stand-in for kie.ai on its own, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse

from sandbox.command_line import add_port, serve_and_exit
from sandbox.kie.app import DEMO_KEY, KieSandbox
from sandbox.kie.tasks import Durations


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.kie", description="A stand-in for kie.ai.")
    add_port(parser, 8082)
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
    serve_and_exit(kie.run, arguments.port, lambda url: f"kie sandbox on {url} (KIE_API_ROOT)")


if __name__ == "__main__":
    main()
