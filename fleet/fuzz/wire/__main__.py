"""`python -m fleet.fuzz.wire [--seed N] [--only NAME]...`: the hostile connections alone, as `make fuzz` makes them."""

from __future__ import annotations

import argparse
import sys
from functools import partial

import trio

from fleet.commands.endings import EndedEarlyError, outcome_of, say_breaches, say_ended_early, say_interrupted
from fleet.fuzz.findings import breaches, table, verdict
from fleet.fuzz.wire.attacks import ATTACKS
from fleet.fuzz.wire.run import attack


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fleet.fuzz.wire", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws what is sent (default: 1)")
    parser.add_argument("--only", action="append", choices=ATTACKS, help="this attack; several are possible")
    options = parser.parse_args()
    try:
        rows = outcome_of(partial(trio.run, attack, options.seed, options.only or tuple(ATTACKS)))
    except EndedEarlyError as reason:
        return say_ended_early(reason)
    if rows is None:
        return say_interrupted()
    print(table(rows))
    code = say_breaches(breaches(rows))
    print(verdict(rows))
    return code


if __name__ == "__main__":
    sys.exit(main())
