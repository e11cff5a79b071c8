"""`python -m fleet.fuzz`: send what nobody in their right mind would send to real instances, and say how they bore it.

Exit codes: 0 all promises were kept, 1 one was broken or the run failed, 2 bad usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from fleet.fuzz import paths, webhook
from fleet.fuzz.findings import Row, breaches, exit_code, table, verdict
from fleet.fuzz.wire import run as wire
from fleet.interrupt import until_interrupted
from sandbox.postgres import PostgresFailed
from svc.observability.errors import describe, leaves

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
    # Whoever asks us to end wants what was started to be gone too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = [asked.only] if asked.only else list(ATTACKS)
    rows: list[Row] = []
    for name in names:
        words, attack = ATTACKS[name]
        print(f"{name}: {words}; seed {asked.seed} (again: {_again(asked, name)})", flush=True)
        found = _run(partial(attack, asked))
        if isinstance(found, int):
            return found
        print(table(found), flush=True)
        rows += found
    for breach in breaches(rows):
        print(f"BREACH: {breach}", file=sys.stderr)
    print(verdict(rows))
    return exit_code(rows)


def _run(attack: Callable[[], Awaitable[list[Row]]]) -> list[Row] | int:
    """The rows, or the exit code where there are none."""
    failures: list[BaseException] = []
    rows = None
    try:
        rows = trio.run(until_interrupted, attack)
    except* KeyboardInterrupt:
        pass
    except* (PostgresFailed, trio.TooSlowError, OSError) as group:
        failures = leaves(group)
    if rows is not None:
        return rows
    if not failures:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"verdict: ended early: {'; '.join(map(describe, failures))}", file=sys.stderr)
    return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz OPTIONS=...", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--bodies", type=_count, default=BODIES, help=f"how many bodies (default: {BODIES:,})")
    parser.add_argument("--seed", type=int, default=1, help="what everything is made from (default: 1)")
    parser.add_argument("--only", choices=ATTACKS, help="; ".join(_explained()))
    return parser.parse_args()


def _explained() -> list[str]:
    return [f"{name}: {words}" for name, (words, _) in ATTACKS.items()]


def _again(asked: argparse.Namespace, name: str) -> str:
    bodies = f" --bodies {asked.bodies}" if name == "bodies" else ""
    return f'make fuzz OPTIONS="--only {name} --seed {asked.seed}{bodies}"'


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= MOST_BODIES:
        raise argparse.ArgumentTypeError(f"is not 1 to {MOST_BODIES}")
    return value


if __name__ == "__main__":
    sys.exit(main())
