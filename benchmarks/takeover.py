"""How long it takes until somebody serves: real processes of the service, a real Postgres, the sandbox Telegram.

Every figure has a stage for each side, and a trial that is done on it time and again. The trials of the sides
alternate, so that a slow minute of the machine hits both, and who goes first changes every time.

The peers have no part in this: two instances of them would both send.
"""

from __future__ import annotations

import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import trio

from benchmarks.plan import OTHER, OURS, Plan
from benchmarks.stages import Ground, Stage, cold_starts, failovers, halts, handovers
from fleet.process import THIS
from sandbox.postgres import EmbeddedPostgres, PostgresFailed, temporary_postgres
from svc.observability.errors import describe, leaves

WHOLE_DEADLINE = 1200.0


@dataclass(frozen=True)
class Samples:
    """The times that one side took for one thing, in milliseconds."""

    side: str
    name: str
    times: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Figure:
    """How one figure is measured, what it is called, and how often it is done: otherwise, and with --quick."""

    stage: Stage
    words: str
    trials: int
    quick: int


FIGURES = {
    "handover": Figure(handovers, "planned handover", 30, 4),
    "kill": Figure(halts(signal.SIGKILL), "kill -9", 8, 3),
    "stop": Figure(halts(signal.SIGSTOP), "SIGSTOP, lease 3 s", 4, 1),
    "failover": Figure(failovers, "Postgres failover", 4, 1),
    "cold": Figure(cold_starts, "cold start", 8, 3),
}


def measure(plan: Plan) -> tuple[list[Samples], str | None]:
    """All takeovers of the plan; returns the times, and why it ended early, if it did."""
    samples: list[Samples] = []
    failures: list[BaseException] = []
    try:
        with temporary_postgres() as server:
            trio.run(_measure_all, plan, server, samples)
    except* (AssertionError, trio.TooSlowError, PostgresFailed, OSError) as group:
        failures = leaves(group)
    return samples, f"ended early: {'; '.join(map(describe, failures))}" if failures else None


async def _measure_all(plan: Plan, server: EmbeddedPostgres, samples: list[Samples]) -> None:
    checkouts = {OURS: THIS, OTHER: plan.against}
    sides = {name: checkout for name in plan.takeover_sides if (checkout := checkouts[name]) is not None}
    with trio.fail_after(WHOLE_DEADLINE):
        for name in plan.takeovers:
            figure = FIGURES[name]
            grounds = {}
            for side, checkout in sides.items():
                await trio.to_thread.run_sync(server.execute, f"CREATE DATABASE {name}_{side}")
                grounds[side] = Ground(checkout, server.url_of(f"{name}_{side}"))
            trials = plan.trials or (figure.quick if plan.quick else figure.trials)
            await _alternate(figure, grounds, trials, samples)


async def _alternate(figure: Figure, grounds: dict[str, Ground], trials: int, samples: list[Samples]) -> None:
    """All trials of one figure, side by side."""
    async with AsyncExitStack() as stack:
        stages = {side: await stack.enter_async_context(figure.stage(ground)) for side, ground in grounds.items()}
        for number in range(trials):
            for side in list(stages)[:: -1 if number % 2 else 1]:
                for words, seconds in (await stages[side]()).items():
                    _add(samples, side, f"{figure.words}: {words}", 1000 * seconds)


def _add(samples: list[Samples], side: str, name: str, milliseconds: float) -> None:
    print(f"  {side:<5} {name} {milliseconds:,.1f} ms", file=sys.stderr, flush=True)
    for found in samples:
        if (found.side, found.name) == (side, name):
            found.times.append(milliseconds)
            return
    samples.append(Samples(side, name, [milliseconds]))
