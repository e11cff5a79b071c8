"""All sides under one load, in turns: acknowledgements and menus a second, latencies, and processor time."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import asyncpg
import uvloop

from benchmarks import processes, report, updates
from benchmarks.contenders import make_side
from benchmarks.load import ClosedLoop
from benchmarks.plan import Plan
from benchmarks.report import Run
from benchmarks.schedule import OpenLoop
from benchmarks.sides import Side, SideFailed
from benchmarks.telegram_stub import TelegramStub
from fleet.process import SECRET
from sandbox.ports import free_port
from sandbox.postgres import EmbeddedPostgres, PostgresFailed, temporary_postgres

CONNECTIONS = (40, 100)
MOST_OUTSTANDING = 500
OPEN_RATE = 200.0
OPEN_CONNECTIONS = 100
WHOLE_DEADLINE = 1200.0
PAUSE = 0.3

Step = Callable[["Bench", Side, Run], Awaitable[None]]


@dataclass
class Bench:
    """What every measurement needs at hand."""

    plan: Plan
    server: EmbeddedPostgres
    stub: TelegramStub
    stub_port: int
    runs: list[Run]

    def spent(self, side: Side) -> tuple[float, float]:
        """Seconds of processor time so far: the side's, and those of all of Postgres."""
        return side.cpu_seconds(), processes.postgres_cpu_seconds(self.server)


async def measure_acks(bench: Bench, side: Side, run: Run, connections: int) -> None:
    """Acknowledgements a second for updates that need no answer, and the same with the work behind them done."""
    load = ClosedLoop(side.port, updates.edits(side.port, SECRET), side.numbers, menus_expected=False)
    began = monotonic()
    rate = await _closed_loop(bench, side, run, load, connections, lambda: load.acks)
    run.values[f"acks_{connections}"] = run.values[f"settled_{connections}"] = rate
    if side.owes is not None:
        await side.settle()
        run.values[f"settled_{connections}"] = load.acks / (monotonic() - began)


async def measure_menus(bench: Bench, side: Side, run: Run, connections: int) -> None:
    """Menus a second: from a /start's request to the sendMessage that answers it."""
    make = updates.starts(side.port, SECRET)
    load = ClosedLoop(side.port, make, side.numbers, menus_expected=True, limit=MOST_OUTSTANDING)
    run.values[f"menus_{connections}"] = await _closed_loop(bench, side, run, load, connections, lambda: load.menus)


async def measure_open(bench: Bench, side: Side, run: Run, rate: float = OPEN_RATE) -> None:
    """Latencies at a fixed number of /start a second."""
    load = OpenLoop(side.port, updates.starts(side.port, SECRET), side.numbers)
    bench.stub.on_menu = load.menu_sent
    await load.connect(OPEN_CONNECTIONS)
    warm_up, seconds = bench.plan.warm_up, bench.plan.open_seconds
    first = await load.run(rate, round((warm_up + seconds) * rate))
    await load.finish()
    run.errors |= load.errors
    for name, times in (("ack", load.ack_times), ("menu", load.menu_times), ("late", load.late)):
        counted = [1000 * taken for due, taken in times if due >= first + warm_up - 1e-9]
        for words, share in (("p50", 0.5), ("p99", 0.99)):
            if counted:
                run.values[f"{name}_{words}"] = report.percentile(counted, share)


async def _closed_loop(
    bench: Bench, side: Side, run: Run, load: ClosedLoop, connections: int, counted: Callable[[], int]
) -> float:
    """Run `load` through warm-up and window; returns how much was counted a second within the window."""
    bench.stub.on_menu = load.menu_sent
    await load.connect(connections)
    load.start()
    await asyncio.sleep(bench.plan.warm_up)
    before, cpu, own_cpu, began = counted(), side.cpu_seconds(), time.process_time(), monotonic()
    await asyncio.sleep(bench.plan.window)
    done, elapsed = counted() - before, monotonic() - began
    run.values[f"cpu_{connections}"] = (side.cpu_seconds() - cpu) / elapsed
    run.values[f"generator_cpu_{connections}"] = (time.process_time() - own_cpu) / elapsed
    load.running = False
    await load.finish()
    run.values[f"reconnects_{connections}"] = load.reconnects
    run.errors |= load.errors
    return done / elapsed


def _steps(plan: Plan) -> list[tuple[str, Step]]:
    """The measurements in their order, each with its name."""
    steps: list[tuple[str, Step]] = []
    for name, measure in (("acks", measure_acks), ("menus", measure_menus)):
        if name in plan.figures:
            steps += [(f"{name} {connections}", _at(measure, connections)) for connections in CONNECTIONS]
    if "open" in plan.figures:
        steps.append(("open", measure_open))
    return steps


def _at(measure: Callable[[Bench, Side, Run, int], Awaitable[None]], connections: int) -> Step:
    return lambda bench, side, run: measure(bench, side, run, connections)


async def measure(bench: Bench, side: Side, run: Run, step: Step) -> None:
    """One figure, then the proof that all of its updates are in the database and nothing is left to do.

    From its first update until then the processor time is counted that each of them takes, in µs.
    """
    sent, before = side.numbers.taken, bench.spent(side)
    await step(bench, side, run)
    bench.stub.on_menu = None
    await side.settle()
    asked, found = side.numbers.taken, await side.processed()
    for name, since, until in zip(("cpu_us", "postgres_us"), before, bench.spent(side), strict=True):
        run.values[f"{name} {run.figure}"] = 1e6 * (until - since) / max(1, asked - sent)
    if asked != found:
        run.errors["updates sent but not recorded as processed"] = asked - found
    print(f"  {run.side:<14} {run.figure:<10} {_brief(run)}", file=sys.stderr, flush=True)
    await asyncio.sleep(PAUSE)


def _brief(run: Run) -> str:
    values = ", ".join(f"{key} {value:,.2f}" for key, value in run.values.items())
    return values + "".join(f", {what}: {times}" for what, times in run.errors.items())


async def _round(bench: Bench, sides: list[Side], number: int) -> None:
    """All figures once, all sides up, figure by figure in turns; who goes first changes with every figure and round."""
    print(f"round {number} of {bench.plan.rounds}", file=sys.stderr, flush=True)
    async with contextlib.AsyncExitStack() as stack:
        for side in sides:
            stack.push_async_callback(side.stop)
            await side.start(bench.stub_port)
        for turn, (name, step) in enumerate(_steps(bench.plan), start=number - 1):
            for side in _rotated(sides, turn):
                run = Run(number, side.name, name)
                bench.runs.append(run)
                await measure(bench, side, run, step)
        for side in sides:
            now, peak = side.memory_mb()
            bench.runs.append(Run(number, side.name, "memory", {"rss": now, "peak_rss": peak}))


def _rotated(sides: list[Side], turn: int) -> list[Side]:
    first = turn % len(sides)
    return sides[first:] + sides[:first]


async def _all_rounds(bench: Bench, folder: Path) -> None:
    plan = bench.plan
    async with asyncio.timeout(WHOLE_DEADLINE), listening(bench):
        for number in range(1, plan.rounds + 1):
            sides = [make_side(name, plan, bench.server, number, folder) for name in plan.sides]
            await _round(bench, sides, number)


@contextlib.asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[None]:
    """The stand-in for Telegram, until the end of the block."""
    server = await bench.stub.listen(bench.stub_port)
    try:
        yield
    finally:
        server.close()


def measure_all(plan: Plan) -> tuple[list[Run], str | None]:
    """Everything from the database to the last round; returns what was measured and why it ended early, if it did."""
    with tempfile.TemporaryDirectory(prefix="svc-bench-") as folder, temporary_postgres() as server:
        bench = Bench(plan, server, TelegramStub(), free_port(), [])
        try:
            uvloop.run(_all_rounds(bench, Path(folder)))
        # First, as it is an OSError too.
        except TimeoutError:
            return bench.runs, f"ended early: not done after {WHOLE_DEADLINE:.0f} s"
        except (SideFailed, PostgresFailed, asyncpg.PostgresError, OSError) as failure:
            return bench.runs, f"ended early: {failure or failure!r}"
    return bench.runs, None
