"""`python -m fleet.fuzz.wire [--seed N] [--only NAME]...`: the hostile connections alone, as `make fuzz` makes them."""

from __future__ import annotations

import argparse
import signal
import sys

import trio

from fleet.fuzz.findings import breaches, exit_code, table, verdict
from fleet.fuzz.wire.attacks import ATTACKS
from fleet.fuzz.wire.run import attack


def main() -> int:
    """The command line; returns the exit code: 0 all promises were kept, 1 not, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m fleet.fuzz.wire", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws what is sent (default: 1)")
    parser.add_argument("--only", action="append", choices=ATTACKS, help="this attack; several are possible")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rows = trio.run(attack, options.seed, options.only or tuple(ATTACKS))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(table(rows))
    for breach in breaches(rows):
        print(f"BREACH: {breach}", file=sys.stderr)
    print(verdict(rows))
    return exit_code(rows)


if __name__ == "__main__":
    sys.exit(main())
