"""`python -m sandbox`: the stand-in for Telegram on its own, until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import re

from sandbox.app import Sandbox
from sandbox.command_line import add_port, serve_and_exit
from sandbox.telegram import DEMO_TOKEN


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for Telegram's Bot API server.")
    add_port(parser, 8081)
    parser.add_argument(
        "--token", action="append", type=_token, help=f"a bot's token; may be repeated (default: {DEMO_TOKEN})"
    )
    parser.add_argument("--seed", type=int, default=0, help="makes ids and random pauses repeatable")
    parser.add_argument("--strict", action="store_true", help="accept webhooks only where the public server would")
    arguments = parser.parse_args()
    sandbox = Sandbox(arguments.token or [DEMO_TOKEN], seed=arguments.seed, strict_webhooks=arguments.strict)
    serve_and_exit(sandbox.run, arguments.port, lambda url: f"Bot API sandbox on {url} (open it in a browser to chat)")


def _token(text: str) -> str:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", text):
        raise argparse.ArgumentTypeError("is not a bot token (it looks like 123456:ABC-def)")
    return text


if __name__ == "__main__":
    main()
