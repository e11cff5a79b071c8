"""What logging costs: two instances of the service, one that logs at level info and one at level error, in pairs.

Both are up at once, each on a database of its own of one Postgres, and get 500 /start a second in turns, for a few
seconds each; who goes first changes every time. Their log goes into a file as JSON. What counts is the median of the
pairs' ratios: the machine's noise hits both of a pair, or is outweighed by the other pairs. How sure it is, its
interval says: nine times in ten the true median lies in one that is made like it.

`python -m benchmarks.logging_cost --help` names the options.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from math import comb
from pathlib import Path
from statistics import median

import uvloop

from benchmarks import ending
from benchmarks.contenders import service
from benchmarks.plan import Plan
from benchmarks.report import Run, errors
from benchmarks.sides import Side, SideFailed
from benchmarks.telegram_stub import TelegramStub
from benchmarks.throughput import Bench, listening, measure, measure_open
from fleet.process import THIS
from sandbox.ports import free_port
from sandbox.postgres import EmbeddedPostgres, temporary_postgres

RATE = 500.0
WARM_UP, SECONDS = 0.5, 2.5
DEADLINE = 1800.0
LEVELS = {"logs": "info", "silent": "error"}
MOST = 1.05
"""With logging the acknowledgements' p99 may be so many times what it is without."""
UNSURE = 0.1
KEEPS_UP_MS = 250.0
"""Where menus take longer than this without logging, updates queue up: then the ratio is that of two queues."""
FIGURES = (
    ("ack_p50", "ack p50 ms"),
    ("ack_p99", "ack p99 ms"),
    ("menu_p99", "menu p99 ms"),
    ("cpu_us logging", "CPU µs/update"),
)


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logging_cost", description=__doc__)
    parser.add_argument("--pairs", type=int, default=30, metavar="N", help="how many pairs (30)")
    parser.add_argument(
        "--check", action="store_true", help=f"exit 1 unless the ack's p99 grows by {MOST - 1:.0%} at most"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="svc-logging-") as folder, temporary_postgres() as server:
        bench = Bench(_plan(), server, TelegramStub(), free_port(), [])
        try:
            uvloop.run(_measure_pairs(bench, Path(folder), options.pairs))
        except (SideFailed, TimeoutError) as failure:
            print(f"ended early: {failure or failure!r}", file=sys.stderr)
            return 1
    ratios = {key: _ratios(bench.runs, key) for key, _ in FIGURES}
    print(_table(bench.runs, ratios))
    met, words = _verdict(ratios["ack_p99"], median(_values(bench.runs, "silent", "menu_p99")))
    print(words)
    for complaint in (complaints := errors(bench.runs)):
        print(complaint, file=sys.stderr)
    return 1 if complaints or (options.check and not met) else 0


async def _measure_pairs(bench: Bench, folder: Path, pairs: int) -> None:
    sides = [_side(name, level, bench.server, folder) for name, level in LEVELS.items()]
    async with asyncio.timeout(DEADLINE), listening(bench), contextlib.AsyncExitStack() as stack:
        for side in sides:
            stack.push_async_callback(side.stop)
            await side.start(bench.stub_port)
        # The first round is for what is slow once.
        for number in range(pairs + 1):
            for side in sides if number % 2 else sides[::-1]:
                run = Run(number, side.name, "logging")
                await measure(bench, side, run, _measure_one)
                if number:
                    bench.runs.append(run)


async def _measure_one(bench: Bench, side: Side, run: Run) -> None:
    await measure_open(bench, side, run, RATE)


def _side(name: str, level: str, server: EmbeddedPostgres, folder: Path) -> Side:
    server.execute(f"create database {name}")
    return service(name, THIS, server.url_of(name), folder / f"{name}.log", LOG_LEVEL=level)


def _plan() -> Plan:
    return Plan(
        sides=tuple(LEVELS),
        figures=(),
        rounds=1,
        warm_up=WARM_UP,
        window=SECONDS,
        open_seconds=SECONDS,
        trials=None,
        quick=False,
        workers=16,
        log_level="info",
        against=None,
    )


def _values(runs: list[Run], side: str, key: str) -> list[float]:
    return [run.values[key] for run in runs if run.side == side]


def _ratios(runs: list[Run], key: str) -> list[float]:
    """Of each pair, what it is with logging divided by what it is without."""
    by_round = {(run.round, run.side): run.values[key] for run in runs}
    rounds = sorted({run.round for run in runs})
    return [by_round[number, "logs"] / by_round[number, "silent"] for number in rounds]


def _interval(ratios: list[float]) -> tuple[float, float]:
    """Between which of the ratios their median lies, but for a chance of UNSURE, however they are distributed."""
    ordered, chance, rank = sorted(ratios), 0.0, 0
    # That fewer than `rank` of them are below the median (or above it) is a toss of as many coins.
    while (chance := chance + 2 * comb(len(ordered), rank) / 2 ** len(ordered)) <= UNSURE:
        rank += 1
    bound = max(0, rank - 1)
    return ordered[bound], ordered[-1 - bound]


def _verdict(ratios: list[float], silent_menu_ms: float) -> tuple[bool, str]:
    """Whether the goal is met for sure, and what can be said of it."""
    low, high = _interval(ratios)
    goal = f"the ack's p99 grows by {MOST - 1:.0%} at most"
    if silent_menu_ms > KEEPS_UP_MS:
        return False, f"no verdict: this machine does not keep up with {RATE:.0f} updates a second even without a log"
    if high <= MOST:
        return True, f"met: {goal}"
    return False, f"missed: {goal}" if low > MOST else f"not clear, more --pairs are needed: {goal}"


def _table(runs: list[Run], ratios: dict[str, list[float]]) -> str:
    lines = [f"{'':<16}{'logs':>10}{'silent':>10}{'ratio':>8}   its interval"]
    for key, words in FIGURES:
        logs, silent = (median(_values(runs, side, key)) for side in LEVELS)
        low, high = _interval(ratios[key])
        lines.append(f"{words:<16}{logs:>10.2f}{silent:>10.2f}{median(ratios[key]):>8.3f}   {low:.3f}..{high:.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    ending.run(main)
