"""`python -m fleet.fuzz`: send what nobody in their right mind would send to real instances, and say how they bore it.

Exit codes as in `fleet.commands.endings`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from fleet.commands.endings import EndedEarlyError, number, outcome_of, say_breaches, say_ended_early, say_interrupted
from fleet.fuzz import paths, webhook
from fleet.fuzz.findings import Row, breaches, table, verdict
from fleet.fuzz.wire import run as wire
from fleet.interrupt import until_interrupted

BODIES = 20_000
MOST_BODIES = 100_000_000

Attack = Callable[[argparse.Namespace], Awaitable[list[Row]]]
ATTACKS: dict[str, tuple[str, Attack]] = {
    "bodies": ("bodies for the webhook, one instance", lambda asked: webhook.attack(asked.seed, asked.bodies)),
    "paths": ("every path of docs/openapi.yaml", lambda asked: paths.attack(asked.seed)),
    "wire": ("hostile connections", lambda asked: wire.attack(asked.seed)),
}
"""What is done by which name, and in which order."""


def main() -> int:
    """The command line; returns the exit code."""
    asked = _options()
    names = [asked.only] if asked.only else list(ATTACKS)
    rows: list[Row] = []
    for name in names:
        words, attack = ATTACKS[name]
        print(f"{name}: {words}; seed {asked.seed} (again: {_again(asked, name)})", flush=True)
        try:
            found = outcome_of(partial(trio.run, until_interrupted, partial(attack, asked)))
        except EndedEarlyError as reason:
            return say_ended_early(reason)
        if found is None:
            return say_interrupted()
        print(table(found), flush=True)
        rows += found
    code = say_breaches(breaches(rows))
    print(verdict(rows))
    return code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz OPTIONS=...", description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "--bodies", type=number(1, MOST_BODIES), default=BODIES, help=f"how many bodies (default: {BODIES:,})"
    )
    parser.add_argument("--seed", type=int, default=1, help="what everything is made from (default: 1)")
    parser.add_argument("--only", choices=ATTACKS, help="; ".join(_explained()))
    return parser.parse_args()


def _explained() -> list[str]:
    return [f"{name}: {words}" for name, (words, _) in ATTACKS.items()]


def _again(asked: argparse.Namespace, name: str) -> str:
    bodies = f" --bodies {asked.bodies}" if name == "bodies" else ""
    return f'make fuzz OPTIONS="--only {name} --seed {asked.seed}{bodies}"'


if __name__ == "__main__":
    sys.exit(main())
