"""Measures the service and prints the tables: throughput beside a rival, and how long until somebody serves.

`python -m benchmarks.bench --help` names the options; README.md says what is measured and why it is fair.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from time import monotonic

from benchmarks import ending, report, takeover, throughput
from benchmarks.ceiling import print_ceiling
from benchmarks.plan import FIGURES, THROUGHPUT_FIGURES, Plan
from benchmarks.report import Run
from benchmarks.takeover import Samples
from fleet.process import Checkout, checkout_at


def main() -> int:
    """The command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args()
    if options.check and (options.only or options.against or set(THROUGHPUT_FIGURES) - set(options.figure or FIGURES)):
        parser.error("--check needs ours and the rival, and every throughput figure")
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
    began = monotonic()
    runs, failures = _throughputs(plan)
    samples, failure = takeover.measure(plan) if plan.takeovers else ([], None)
    conditions = {"plan": asdict(plan), "processors": os.cpu_count(), "load_average": os.getloadavg()}
    path = report.save(runs, samples, conditions)
    _print_tables(plan, runs, samples)
    print(f"{monotonic() - began:.0f} s; all values: {os.path.relpath(path)}")
    complaints = [*report.errors(runs), *failures, *([failure] if failure else [])]
    if check:
        complaints += report.faults(runs)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


def _throughputs(plan: Plan) -> tuple[list[Run], list[str]]:
    if not plan.throughputs:
        return [], []
    runs, failure = throughput.measure_all(plan)
    return runs, [failure] if failure else []


def _print_tables(plan: Plan, runs: list[Run], samples: list[Samples]) -> None:
    if runs:
        print(_conditions(plan))
        print(report.throughput_table(runs, list(plan.sides)), end="\n\n")
    if samples:
        print("until somebody serves, ms; with fewer than 100 trials p99 is the slowest")
        print(report.takeover_table(samples, [side for side in plan.sides if side != "rival"]), end="\n\n")


def _conditions(plan: Plan) -> str:
    loop = "uvloop" if plan.rival_uvloop else "asyncio"
    second = f"rival: aiogram on {loop}" if plan.against is None else f"other: {plan.against.folder}"
    return (
        f"rounds {plan.rounds}, window {plan.window:g} s, {os.cpu_count()} processors, "
        f"log level {plan.log_level}, logs to files;\n"
        f"ours: WORKERS={plan.workers} SEND_RATE=0; {second}; median (least..most)"
    )


def _plan(options: argparse.Namespace, against: Checkout | None) -> Plan:
    quick: bool = options.quick
    sides = ("ours", "other") if against else ("ours", "rival")
    return Plan(
        sides=(options.only,) if options.only else sides,
        figures=tuple(options.figure or FIGURES),
        rounds=options.rounds or (1 if quick else 3),
        warm_up=0.5 if quick else 1.0,
        window=options.window or (1.5 if quick else 3.0),
        open_seconds=4.0 if quick else 10.0,
        trials=options.trials,
        quick=quick,
        workers=options.workers,
        log_level=options.log_level,
        rival_uvloop=options.rival_uvloop,
        against=against,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of short windows, and few trials")
    parser.add_argument("--check", action="store_true", help="exit 1 unless ours meets what README.md promises")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--only", choices=("ours", "rival"), help="measure one side")
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
    parser.add_argument(
        "--rival-uvloop", action="store_true", help="let the rival run on uvloop, which it does not by default"
    )
    parser.add_argument("--ceiling", action="store_true", help="measure only what the generator itself can do")
    return parser


if __name__ == "__main__":
    ending.run(main)
