"""`python -m fleet.soak`: many minutes of load with deploys and kills, and whether everything stays as it was.

Exit codes: 0 all promises were kept, 1 one was broken or the run failed, 2 bad usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from functools import partial
from pathlib import Path

import trio

from fleet.soak.outcome import Outcome
from fleet.soak.pictures import write_pictures
from fleet.soak.plan import Plan
from fleet.soak.report import table, verdict, write_json
from fleet.soak.run import run
from sandbox.postgres import PostgresFailed
from svc.observability.errors import describe, leaves

FOLDER = Path("build/soak")
LEAKS = "To see the memory of the same two instances over all of the time: --deploy-every 0 --kill-every 0"


def main() -> int:
    """The command line; returns the exit code."""
    plan, folder, pictures = _plan()
    # Whoever asks us to end wants what was started to be gone too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"{plan.rate:g} messages a second for {plan.seconds / 60:g} minutes, seed {plan.seed}", flush=True)
    try:
        outcome = _run(plan)
    except KeyboardInterrupt:
        outcome = None
    if outcome is None:
        print("interrupted", file=sys.stderr)
        return 130
    if isinstance(outcome, str):
        print(f"verdict: BROKEN: ended early: {outcome}")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    write_json(outcome, folder / "soak.json")
    for each in (folder, *([pictures] if pictures else [])):
        write_pictures(outcome, each)
    return _say(outcome, folder)


def _say(outcome: Outcome, folder: Path) -> int:
    print(table(outcome))
    print(f"all series: {folder / 'soak.json'}, and as pictures beside it; again: {_again(outcome.plan)}")
    breaches = outcome.breaches()
    for breach in breaches:
        print(f"BREACH: {breach}", file=sys.stderr)
    print(verdict(outcome), flush=True)
    return 1 if breaches else 0


def _again(plan: Plan) -> str:
    every = f"--deploy-every {plan.deploy_every:g} --kill-every {plan.kill_every:g}"
    return f'make soak OPTIONS="--minutes {plan.seconds / 60:g} --rate {plan.rate:g} --seed {plan.seed} {every}"'


def _run(plan: Plan) -> Outcome | str | None:
    """The outcome, or why there is none; None if it was interrupted."""
    failures: list[BaseException] = []
    try:
        return run(plan, partial(print, flush=True))
    except* (PostgresFailed, trio.TooSlowError, OSError) as group:
        failures = leaves(group)
    return "; ".join(map(describe, failures))


def _plan() -> tuple[Plan, Path, Path | None]:
    parser = argparse.ArgumentParser(
        prog="make soak OPTIONS=...", description=__doc__.partition("\n\n")[0], epilog=LEAKS
    )
    usual = Plan()
    parser.add_argument("--minutes", type=_number(0.1, 240), default=usual.seconds / 60, help="default: 20")
    parser.add_argument("--rate", type=_number(1, 1000), default=usual.rate, help="messages a second (default: 300)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="who writes what, when is killed (default: 1)")
    for name in ("deploy", "kill"):
        default = getattr(usual, f"{name}_every")
        parser.add_argument(
            f"--{name}-every",
            type=_seconds,
            default=default,
            help=f"seconds between two, 0: none (default: {default:g})",
        )
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for figures and pictures (default: {FOLDER})")
    parser.add_argument("--pictures", type=Path, help="a folder that takes the pictures as well")
    options = parser.parse_args()
    if options.pictures and not options.pictures.is_dir():
        parser.error(f"{options.pictures} is not a folder")
    plan = Plan(60 * options.minutes, options.rate, options.seed, options.deploy_every, options.kill_every)
    return plan, options.folder, options.pictures


def _seconds(text: str) -> float:
    return 0.0 if text == "0" else _between(5, 86_400, text)


def _number(least: float, most: float) -> partial[float]:
    return partial(_between, least, most)


def _between(least: float, most: float, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text} is not {least:g} to {most:g}")
    return value


if __name__ == "__main__":
    sys.exit(main())
