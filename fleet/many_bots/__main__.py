"""`python -m fleet.many_bots`: the leadership of many bots over one Postgres, what it costs, and whether it holds.

There is no chance in it but jitter: the same options make the same run. Exit codes as in `fleet.commands.endings`.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial

from fleet.commands.endings import EndedEarlyError, number, outcome_of, say_breaches, say_ended_early, say_interrupted
from fleet.many_bots.report import table, verdict
from fleet.many_bots.run import Plan, run

MOST_SESSIONS = 10_000


def main() -> int:
    """The command line; returns the exit code."""
    plan = _plan()
    try:
        outcome = outcome_of(partial(run, plan, partial(_say, time.monotonic())))
    except EndedEarlyError as reason:
        return say_ended_early(reason)
    if outcome is None:
        return say_interrupted()
    print(table(outcome))
    print(f"again: {_command(plan)}")
    code = say_breaches(outcome.breaches())
    print(verdict(outcome))
    return code


def _say(began: float, words: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)


def _command(plan: Plan) -> str:
    return (
        f'make many-bots OPTIONS="--bots {plan.bots} --members {plan.members} --each {plan.each} '
        f'--slower {plan.slower:g} --seconds {plan.seconds:g} --within {plan.limit:g}"'
    )


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="make many-bots OPTIONS=...", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--bots", type=number(1, 5000), default=1000, help="default: 1000")
    parser.add_argument("--members", type=number(2, 50), default=10, help="processes, each a host (default: 10)")
    parser.add_argument("--each", type=number(2, 50), default=2, help="candidates for each bot (default: 2)")
    parser.add_argument(
        "--slower",
        type=float,
        default=10.0,
        help="make every interval so many times as long, for a machine that is too small for the pace (default: 10)",
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="how long nothing happens (default: 20)")
    parser.add_argument("--within", type=float, default=30.0, help="seconds in which a bot is led again (default: 30)")
    options = parser.parse_args()
    if options.each > options.members:
        parser.error("more candidates for each bot than members")
    if options.bots * options.each > MOST_SESSIONS:
        parser.error(f"more than {MOST_SESSIONS:,} sessions: fewer bots, or fewer candidates for each")
    if not 1 <= options.slower <= 100 or not 1 <= options.seconds <= 300 or not 0 < options.within <= 240:
        parser.error("--slower is 1 to 100, --seconds 1 to 300, --within up to 240")
    return Plan(options.bots, options.members, options.each, options.slower, options.seconds, options.within)


if __name__ == "__main__":
    sys.exit(main())
