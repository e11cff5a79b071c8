"""Measures the service on millions of rows and prints a table of what was promised and what was found.

`python -m benchmarks.scale --help` names the options; docs/scale.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import uvloop

from benchmarks import ending
from benchmarks.machine import machine
from benchmarks.scale import report
from benchmarks.scale.backlog import backlog
from benchmarks.scale.one_chat import one_chat
from benchmarks.scale.plan import SCENES, Plan
from benchmarks.scale.pruning import pruning
from benchmarks.scale.rows import Findings
from benchmarks.scale.stage import FAILURES, Stage, say
from fleet.process import THIS, Checkout, checkout_at
from sandbox.postgres import temporary_postgres
from svc.observability.errors import describe, leaves

WHOLE_DEADLINE = 3 * 3600.0
_SCENES = {"backlog": backlog, "one_chat": one_chat, "pruning": pruning}
_SERVER = ("server_version", "fsync", "synchronous_commit", "autovacuum", "shared_buffers", "max_wal_size")


def main() -> int:
    """The command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args()
    try:
        sides = {"before": checkout_at(options.against)} if options.against else {}
    except FileNotFoundError as error:
        parser.error(str(error))
    plan = _plan(options, sides | {"now": THIS})
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < plan.disk_bytes:
        parser.error(
            f"{tempfile.gettempdir()} has {free / 1e9:.0f} GB free, and {plan.disk_bytes / 1e9:.0f} are needed"
        )
    began, here = monotonic(), machine()
    found, conditions = _measure(plan)
    path = report.save(plan, found, {"machine": here.fields(), **conditions})
    print(f"machine: {here}\nrows x {plan.scale:g}, windows of {plan.window:g} s; {conditions['server']}")
    print(report.table(found), end="\n\n")
    print(f"{monotonic() - began:.0f} s; all values: {os.path.relpath(path)}")
    complaints = [complaint for side in found.values() for complaint in side.complaints]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    missed = report.missed(found["now"])
    print(f"verdict: {len(complaints)} scenes broke off; goals missed: {', '.join(missed) or 'none'}")
    return 1 if complaints or (options.check and missed) else 0


def _measure(plan: Plan) -> tuple[dict[str, Findings], dict[str, Any]]:
    """All scenes of all sides, one after the other, and what they ran on. The data folder is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="svc-scale-") as folder, temporary_postgres() as server:
        stages = [Stage(name, checkout, plan, server, Path(folder)) for name, checkout in plan.sides.items()]
        uvloop.run(_play(stages))
        settings = {name: server.execute(f"SHOW {name}") for name in _SERVER}
    return {stage.name: stage.findings for stage in stages}, {"server": settings}


async def _play(stages: list[Stage]) -> None:
    """All scenes; one that cannot go on to its end is complained of, and the next one begins."""
    give_up = asyncio.get_running_loop().time() + WHOLE_DEADLINE
    for stage in stages:
        for name in stage.plan.scenes:
            say(f"{stage.name}: {name}")
            try:
                async with asyncio.timeout_at(give_up):
                    await _SCENES[name](stage)
            except* FAILURES as group:
                stage.findings.complaints += [f"{stage.name}, {name}: {describe(error)}" for error in leaves(group)]


def _plan(options: argparse.Namespace, sides: dict[str, Checkout]) -> Plan:
    return Plan(
        sides=sides,
        scenes=tuple(options.scene or SCENES),
        scale=options.scale,
        window=options.window or (300.0 if options.full else 60.0),
        trials=options.trials,
        full=options.full,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--scale", type=_share, default=1.0, metavar="X", help="multiply all numbers of rows by X")
    parser.add_argument("--full", action="store_true", help="windows of 300 s, and pruning to its end")
    parser.add_argument("--window", type=float, metavar="S", help="seconds that are looked at of each drain (60)")
    parser.add_argument("--trials", type=int, choices=range(1, 51), default=5, metavar="N", help="takeovers (5)")
    parser.add_argument("--scene", choices=SCENES, action="append", help="play this one only (may be repeated)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a goal is missed")
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="measure the checkout in PATH, which has its own .venv, before"
    )
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10:
        raise argparse.ArgumentTypeError("more than 0, and 10 at most")
    return value


if __name__ == "__main__":
    ending.run(main)
