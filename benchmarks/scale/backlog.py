"""Scenes on a deep inbox beside many processed updates: an update's cost, taking over, draining, memory, `svc status`.

One database for all of them, to which pending updates are added from scene to scene.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from math import isinf
from statistics import median
from time import monotonic

from benchmarks.scale.cost import EMPTY, measure_cost
from benchmarks.scale.fill import add_pending, add_processed, add_waiting, empty_inbox
from benchmarks.scale.instance import Instance
from benchmarks.scale.others import milliseconds
from benchmarks.scale.plan import PENDING, PENDING_CHATS, PROCESSED
from benchmarks.scale.stage import Stage
from benchmarks.scale.timings import Timings
from benchmarks.sides import SideFailed
from benchmarks.telegram_stub import TelegramStub
from fleet.process import service_environment
from sandbox.ports import free_port

FILL_DEADLINE = 1800.0
STEP_DEADLINE = 300.0
WARM_UP = 5.0
SHORT_WINDOW = 15.0
# Others write meanwhile, so that there is something to store.
OTHERS_RATE = 100.0
MENUS_BEFORE_KILL = 50
STATUS_TRIALS = 5
STATUS_DEADLINE = 30.0


@dataclass(frozen=True)
class Drained:
    """What a window of a drain came to: menus a second, times, and resident memory in MiB at its highest."""

    rate: float
    timings: Timings
    peak: float


async def backlog(stage: Stage) -> None:
    """All scenes on one database, which grows."""
    window = stage.plan.window
    with stage.fresh_database("backlog"):
        await measure_cost(stage, "writing to an empty database", EMPTY)
        async with stage.step("making processed updates", (), FILL_DEADLINE):
            # They are all younger than what is forgotten.
            await add_processed(stage.database_url, stage.plan.rows(PROCESSED), hours_ago=1)
        await measure_cost(stage, "writing beside 10 M processed", "10m")
        async with stage.step("making 1 M that wait for tomorrow", (), FILL_DEADLINE):
            await add_waiting(stage.database_url, stage.plan.rows(PENDING[0]), stage.plan.rows(PENDING_CHATS))
        await measure_cost(stage, "writing beside 1 M waiting", "waiting")
        await empty_inbox(stage.database_url)
        await _deepen(stage, PENDING[0])
        await _takeovers(stage, "1m")
        async with stage.step(
            "draining 1 M", ("reading_1m", "store_p99", "begin_p99", "settle_p99"), STEP_DEADLINE + window
        ):
            drained = await _drain(stage, "1m", window)
            for name in ("store", "begin", "settle"):
                stage.found(f"{name}_p99", drained.timings.percentile(f"inbox.{name}", 0.99))
            stage.found("drained", drained.rate)
        await _deepen(stage, PENDING[1])
        async with stage.step("draining 2.5 M", ("reading_2_5m", "memory"), STEP_DEADLINE + window):
            stage.found("memory", (await _drain(stage, "2_5m", window)).peak)
        await _deepen(stage, PENDING[2])
        await _status(stage)
        await _takeovers(stage, "5m")
        async with stage.step("draining 5 M", ("reading_5m",), STEP_DEADLINE):
            await _drain(stage, "5m", SHORT_WINDOW)


async def _deepen(stage: Stage, pending: int) -> None:
    async with stage.step(f"filling up to {stage.plan.rows(pending):,} pending", (), FILL_DEADLINE):
        await add_pending(stage.database_url, stage.plan.rows(pending), stage.plan.rows(PENDING_CHATS))


async def _takeovers(stage: Stage, size: str) -> None:
    """kill -9 to the ACTIVE instance in the middle of its work, time and again; another one stands by."""
    keys = (f"takeover_{size}", f"take_over_{size}", f"kill_{size}")
    async with stage.step(f"taking over, {size}", keys, STEP_DEADLINE), AsyncExitStack() as instances:
        times: dict[str, list[float]] = {key: [] for key in keys}
        stage.findings.details[f"takeovers_{size}"] = times
        leader = await instances.enter_async_context(stage.instance())
        for _ in range(stage.plan.trials):
            successor = await instances.enter_async_context(stage.instance("PASSIVE"))
            await leader.until_menus(MENUS_BEFORE_KILL)
            for key, seconds in zip(keys, await _takeover(leader, successor), strict=True):
                times[key].append(1000 * seconds)
            leader = successor
        for key in keys:
            stage.found(key, max(times[key]), f"the longest of {len(times[key])}, median {median(times[key]):,.1f}")


async def _takeover(leader: Instance, successor: Instance) -> tuple[float, float, float]:
    """Seconds from the lock to the first call, of the statement of taking over, and from the signal to the call."""
    killed = leader.side.kill()
    first_menu = await successor.until_first_menu()
    timings = await successor.timings()
    # The lock is its own from the moment at which it takes over; of several tries the first counts.
    locked = timings.first["inbox.take_over"]
    slowest = timings.percentile("inbox.take_over", 1.0)
    assert slowest is not None
    return first_menu - locked, slowest / 1000, first_menu - killed


async def _drain(stage: Stage, size: str, window: float) -> Drained:
    """Let one instance drain the inbox while others write; the first seconds are not looked at."""
    others = stage.others()
    async with stage.instance() as leader:
        async with others.writing([leader.port], OTHERS_RATE):
            await asyncio.sleep(WARM_UP)
            before, menus, since = await leader.timings(), leader.backlog_menus, monotonic()
            await asyncio.sleep(window)
            timings = (await leader.timings()).since(before)
            until = monotonic()
            rate = (leader.backlog_menus - menus) / (until - since)
            now, peak = leader.side.memory_mb()
        await others.done(wait_for_menus=False)
    waits = others.waits(since, until)
    stage.findings.details[f"drain_{size}"] = {
        "menus_a_second": rate,
        "memory_mib": {"now": now, "peak": peak},
        "others_ack_p99_ms": milliseconds(waits.acks, 0.99),
        "others_menu_p50_ms": milliseconds(waits.menus, 0.5),
        "others_menu_p99_ms": milliseconds(waits.menus, 0.99),
        "others_without_menu": sum(map(isinf, waits.menus)) / len(waits.menus) if waits.menus else None,
        "errors": others.errors,
        "times_ms": timings.brief(),
    }
    stage.found_reading(f"reading_{size}", timings)
    return Drained(rate, timings, peak)


async def _status(stage: Stage) -> None:
    """The command as an operator runs it, with the start of Python."""
    async with stage.step("svc status", ("status",), STATUS_DEADLINE * STATUS_TRIALS):
        stub_port = free_port()
        server = await TelegramStub().listen(stub_port)
        try:
            times = [await _one_status(stage, f"http://127.0.0.1:{stub_port}") for _ in range(STATUS_TRIALS)]
        finally:
            server.close()
        stage.findings.details["status_s"] = times
        stage.found("status", max(times), f"the longest of {len(times)}, median {median(times):.2f}")


async def _one_status(stage: Stage, telegram: str) -> float:
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        stage.checkout.python,
        *("-m", "svc", "status"),
        cwd=stage.checkout.folder,
        env=service_environment(stage.database_url, telegram, 8080),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), STATUS_DEADLINE)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise SideFailed(f"svc status was not done within {STATUS_DEADLINE:.0f} s") from None
    took = time.monotonic() - began
    if process.returncode:
        *_, last = said.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise SideFailed(f"svc status ended with {process.returncode} after {took:.1f} s: {last}")
    return took
