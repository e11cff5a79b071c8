"""The scene of forgetting processed updates while users write."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import asyncpg

from benchmarks.scale.fill import DELETED, add_processed, connect
from benchmarks.scale.others import milliseconds
from benchmarks.scale.plan import EXPIRED
from benchmarks.scale.stage import Stage

FILL_DEADLINE = 1800.0
STEP_DEADLINE = 300.0
FULL_WINDOW = 1800.0
RATE = 500.0
UNPRUNED_WINDOW = 30.0
KEEP_ALL = "100000"
LOOK_EVERY = 1.0
# Updates are kept for 48 hours.
HOURS_AGO = 72.0


async def pruning(stage: Stage) -> None:
    """Ten million expired rows: all of them with --full, or as many as go in the window."""
    window = FULL_WINDOW if stage.plan.full else stage.plan.window
    rows = stage.plan.rows(EXPIRED)
    with stage.fresh_database("pruning"):
        async with stage.step("making expired updates", (), FILL_DEADLINE):
            await add_processed(stage.database_url, rows, hours_ago=HOURS_AGO)
        async with stage.step("writing while nothing is pruned", ("unpruned_ack_p99",), STEP_DEADLINE):
            await _write(stage)
        keys = ("pruned", "prune_minutes", "prune_ack_p99", "reading_pruning")
        async with stage.step("pruning", keys, STEP_DEADLINE + window):
            await _prune(stage, rows, window)


async def _write(stage: Stage) -> None:
    others = stage.others()
    async with stage.instance(KEEP_PROCESSED=KEEP_ALL) as leader:
        since = monotonic()
        async with others.writing([leader.port], RATE):
            await asyncio.sleep(UNPRUNED_WINDOW)
            until = monotonic()
        await others.done(wait_for_menus=True)
    stage.found("unpruned_ack_p99", milliseconds(others.waits(since, until).acks, 0.99))


async def _prune(stage: Stage, rows: int, window: float) -> None:
    others = stage.others()
    connection = await connect(stage.database_url)
    try:
        async with stage.instance() as leader:
            before, since = await leader.timings(), monotonic()
            async with others.writing([leader.port], RATE):
                deleted = await _watch(connection, rows, window)
                until = monotonic()
            await others.done(wait_for_menus=True)
            timings = (await leader.timings()).since(before)
    finally:
        await connection.close(timeout=10)
    waits = others.waits(since, until)
    rate = deleted / (until - since)
    stage.findings.details["pruning"] = {
        "deleted": deleted,
        "seconds": until - since,
        "menu_p99_ms": milliseconds(waits.menus, 0.99),
        "errors": others.errors,
        "times_ms": timings.brief(),
    }
    stage.found("pruned", rate)
    measured = (
        "all of them"
        if deleted >= rows and rows == EXPIRED
        else f"projected from {deleted:,} rows in {until - since:.0f} s"
    )
    stage.found("prune_minutes", EXPIRED / rate / 60 if rate else None, measured)
    stage.found("prune_ack_p99", milliseconds(waits.acks, 0.99))
    stage.found_reading("reading_pruning", timings)


async def _watch(connection: asyncpg.Connection[Any], rows: int, window: float) -> int:
    """How many rows are deleted by the end of the window, or when the last of them is."""
    give_up = monotonic() + window
    before: int = await connection.fetchval(DELETED)
    while True:
        await asyncio.sleep(LOOK_EVERY)
        deleted: int = await connection.fetchval(DELETED) - before
        if deleted >= rows or monotonic() >= give_up:
            return deleted
