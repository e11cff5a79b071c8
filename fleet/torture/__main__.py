"""`python -m fleet.torture`: torture real instances, and say what became of every message.

Exit codes as in `fleet.commands.endings`.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from fleet.commands.endings import EndedEarlyError, number, outcome_of, say_breaches, say_ended_early, say_interrupted
from fleet.torture.clock import libfaketime
from fleet.torture.report import table
from fleet.torture.run import Plan, run
from fleet.torture.scenes import SCENES

MOST_MESSAGES = 40_000
"""Of all people together: a few calls each is what Telegram's list has room for, with many more that ask."""
BROKEN = {
    "by_chat": {"ids": "by_chat"},
    "falling": {"ids": "falling"},
    "other_words": {"edits": "other_words"},
    "kind_first": {"edits": "kind_first"},
    "carried_out": {"edits": "carried_out"},
}


def main() -> int:
    """The command line; returns the exit code."""
    plan, only_schedule, strict = _plan()
    if only_schedule:
        print("\n".join(map(str, plan.schedule)))
        return 0
    print(f"{plan.scene}: {plan.conditions.words}; seed {plan.seed}", flush=True)
    if plan.scene == "mixed" and libfaketime() is None:
        print("no clock jumps: libfaketime is not installed")
    try:
        outcome = outcome_of(partial(run, plan, partial(print, flush=True)))
    except EndedEarlyError as reason:
        return say_ended_early(reason)
    if outcome is None:
        return say_interrupted()
    print(table(outcome))
    breaches = outcome.breaches(strict=strict)
    code = say_breaches(breaches)
    kept = f"kept: {outcome.faults} faults, every promise was kept"
    print(f"verdict: {'broken: ' + '; '.join(breaches) if breaches else kept}")
    return code


def _plan() -> tuple[Plan, bool, bool]:
    parser = argparse.ArgumentParser(prog="make torture OPTIONS=...", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--scene", choices=SCENES, default="mixed", help="; ".join(_explained()))
    parser.add_argument("--seed", type=int, default=1, help="makes the schedule (default: 1)")
    parser.add_argument("--seconds", type=number(1.0, 3600.0), help="how long people write and faults happen")
    parser.add_argument("--instances", type=int, choices=range(1, 10), metavar="N", help="how many are kept up, 1 to 9")
    parser.add_argument("--rate", type=number(1.0, 500.0), help="messages a second, of all people together")
    parser.add_argument(
        "--break-ids", nargs="?", choices=BROKEN, const="by_chat", help="let Telegram break the rules on message ids"
    )
    parser.add_argument("--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--schedule", action="store_true", help="only print which faults would come")
    parser.add_argument("--strict", action="store_true", help="a recorded doubt excuses nothing")
    options = parser.parse_args()
    scene = SCENES[options.scene]
    plan = Plan(
        options.scene,
        options.seconds or scene.seconds,
        options.seed,
        options.instances or scene.instances,
        options.rate or scene.rate,
        BROKEN.get(options.break_ids, {}),
        dict(options.set),
    )
    if plan.seconds * plan.rate > MOST_MESSAGES:
        parser.error(f"more than {MOST_MESSAGES:,} messages: fewer seconds, or a lower rate")
    return plan, options.schedule, options.strict


def _explained() -> list[str]:
    return [f"{name}: {scene.words}" for name, scene in SCENES.items()]


def _setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError("is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
