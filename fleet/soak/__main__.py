"""`python -m fleet.soak`: many minutes of load with deploys and kills, and whether everything stays as it was.

Exit codes as in `fleet.commands.endings`.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from fleet.commands.endings import EndedEarlyError, number, outcome_of, say_breaches, say_ended_early, say_interrupted
from fleet.soak.outcome import Outcome
from fleet.soak.pictures import write_pictures
from fleet.soak.plan import Plan
from fleet.soak.report import table, verdict, write_json
from fleet.soak.run import run

FOLDER = Path("build/soak")
LEAKS = "To see the memory of the same two instances over all of the time: --deploy-every 0 --kill-every 0"


def main() -> int:
    """The command line; returns the exit code."""
    plan, folder, pictures = _plan()
    print(f"{plan.rate:g} messages a second for {plan.seconds / 60:g} minutes, seed {plan.seed}", flush=True)
    try:
        outcome = outcome_of(partial(run, plan, partial(print, flush=True)))
    except EndedEarlyError as reason:
        return say_ended_early(reason)
    if outcome is None:
        return say_interrupted()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(outcome, folder / "soak.json")
    for each in (folder, *([pictures] if pictures else [])):
        write_pictures(outcome, each)
    return _say(outcome, folder)


def _say(outcome: Outcome, folder: Path) -> int:
    print(table(outcome))
    print(f"all series: {folder / 'soak.json'}, and as pictures beside it; again: {_again(outcome.plan)}")
    code = say_breaches(outcome.breaches())
    print(verdict(outcome), flush=True)
    return code


def _again(plan: Plan) -> str:
    every = f"--deploy-every {plan.deploy_every:g} --kill-every {plan.kill_every:g}"
    return f'make soak OPTIONS="--minutes {plan.seconds / 60:g} --rate {plan.rate:g} --seed {plan.seed} {every}"'


def _plan() -> tuple[Plan, Path, Path | None]:
    parser = argparse.ArgumentParser(
        prog="make soak OPTIONS=...", description=__doc__.partition("\n\n")[0], epilog=LEAKS
    )
    usual = Plan()
    parser.add_argument("--minutes", type=number(0.1, 240.0), default=usual.seconds / 60, help="default: 20")
    parser.add_argument("--rate", type=number(1.0, 1000.0), default=usual.rate, help="messages a second (default: 300)")
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
    return 0.0 if text == "0" else number(5.0, 86_400.0)(text)


if __name__ == "__main__":
    sys.exit(main())
