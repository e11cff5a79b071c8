"""Measures the service and prints the tables: throughput beside its peers, and how long until somebody serves.

`python -m benchmarks.bench --help` names the options; README.md says what is measured and why it is fair.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from time import monotonic

from benchmarks import ending, report, tables, takeover, throughput
from benchmarks.ceiling import print_ceiling
from benchmarks.contenders import LEADERS_WORKERS, why_not
from benchmarks.goals import judge
from benchmarks.machine import Machine, machine
from benchmarks.plan import FIGURES, INTAKE, OTHER, OURS, PEERS, SIDES, Plan
from benchmarks.report import Run
from benchmarks.takeover import Samples
from fleet.process import Checkout, checkout_at


def main() -> int:
    """The command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args()
    if options.check and options.against:
        parser.error("--check is about the peers, and --against about another checkout")
    if options.ceiling:
        print_ceiling(options.window or 3.0)
        return 0
    try:
        against = checkout_at(options.against) if options.against else None
    except FileNotFoundError as error:
        parser.error(str(error))
    return _run(_plan(options, against), check=options.check)


def _run(plan: Plan, *, check: bool) -> int:
    """Measure, print and save; the exit code."""
    began, here = monotonic(), machine()
    print(f"machine: {here}", file=sys.stderr, flush=True)
    runs, failures = _throughputs(plan)
    samples, failure = takeover.measure(plan) if plan.takeovers else ([], None)
    path = report.save(runs, samples, {"machine": here.fields(), "plan": asdict(plan)})
    _print_tables(plan, here, runs, samples)
    print(f"{monotonic() - began:.0f} s; all values: {os.path.relpath(path)}")
    complaints = [*report.errors(runs), *failures, *([failure] if failure else [])]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return _verdict(complaints, runs, samples, check=check)


def _verdict(complaints: list[str], runs: list[Run], samples: list[Samples], *, check: bool) -> int:
    """Say in the last line what came of it; the exit code."""
    words = f"{len(complaints)} runs failed" if complaints else "every run worked, nothing was lost"
    missed = 0
    if check:
        goals = judge(runs, samples)
        missed = sum(not goal.met for goal in goals)
        print(*goals, sep="\n")
        words += f"; {len(goals) - missed} of {len(goals)} goals met, {missed} missed"
    print(f"verdict: {words}")
    return 1 if complaints or missed else 0


def _throughputs(plan: Plan) -> tuple[list[Run], list[str]]:
    if not plan.throughputs:
        return [], []
    runs, failure = throughput.measure_all(plan)
    return runs, [failure] if failure else []


def _print_tables(plan: Plan, here: Machine, runs: list[Run], samples: list[Samples]) -> None:
    print(_conditions(plan, here), end="\n\n")
    if runs:
        print(tables.medians_table(runs, plan.sides), end="\n\n")
        others = [side for side in plan.sides if side in (*PEERS, OTHER)]
        for side in (OURS, INTAKE):
            if others and side in plan.sides:
                print(tables.ratios_table(runs, side, others), end="\n\n")
    if samples:
        print("until somebody serves, ms; with fewer than 100 trials p99 is the slowest")
        print(tables.takeover_table(samples, plan.takeover_sides), end="\n\n")


def _conditions(plan: Plan, here: Machine) -> str:
    against = "" if plan.against is None else f"; other: {plan.against.folder}"
    return (
        f"machine: {here}\nrounds {plan.rounds}, window {plan.window:g} s, log level {plan.log_level}, logs to files; "
        f"ours: SEND_RATE=0 WORKERS={plan.workers}, of a leader without intake at least {LEADERS_WORKERS}{against}"
    )


def _plan(options: argparse.Namespace, against: Checkout | None) -> Plan:
    quick: bool = options.quick
    return Plan(
        sides=(OURS, OTHER) if against else _able(options.sides),
        figures=tuple(options.figure or FIGURES),
        rounds=options.rounds or (1 if quick else 3),
        warm_up=0.5 if quick else 1.0,
        window=options.window or (1.0 if quick else 2.0),
        open_seconds=3.0 if quick else 6.0,
        trials=options.trials,
        quick=quick,
        workers=options.workers,
        log_level=options.log_level,
        against=against,
    )


def _able(sides: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the sides that can run here; says of the others why not."""
    reasons = {side: why_not(side) for side in sides}
    for side, reason in reasons.items():
        if reason:
            print(f"{side} is left out: {reason}", file=sys.stderr)
    return tuple(side for side in sides if not reasons[side])


def _sides(text: str) -> tuple[str, ...]:
    asked = text.split(",")
    if unknown := sorted(set(asked) - set(SIDES)):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(SIDES)}")
    return tuple(side for side in SIDES if side in asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of short windows, and few trials")
    parser.add_argument("--check", action="store_true", help="print every goal, and exit 1 unless all are met")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--sides", type=_sides, default=SIDES, metavar="A,B", help=f"only these of {','.join(SIDES)}")
    who.add_argument(
        "--against", type=Path, metavar="PATH", help="compare with the checkout in PATH, which has its own .venv"
    )
    parser.add_argument("--figure", choices=FIGURES, action="append", help="measure this only (may be repeated)")
    parser.add_argument("--rounds", type=int, choices=range(1, 11), metavar="N", help="1 to 10 rounds instead of 3")
    parser.add_argument("--window", type=float, metavar="S", help="seconds counted per throughput figure")
    parser.add_argument(
        "--trials", type=int, choices=range(1, 101), metavar="N", help="1 to 100 trials of each takeover and side"
    )
    parser.add_argument("--workers", type=int, default=16, help="WORKERS of ours under load (16)")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--ceiling", action="store_true", help="measure only what the generator itself can do")
    return parser


if __name__ == "__main__":
    ending.run(main)
