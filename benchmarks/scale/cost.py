"""What an update costs in processor time, whatever is in the database: that of the instance, and that of Postgres."""

from __future__ import annotations

import asyncio
from time import monotonic

from benchmarks.processes import postgres_cpu_seconds
from benchmarks.scale.stage import Stage

RATE = 200.0
WARM_UP = 5.0
MOST_WINDOW = 30.0
STEP_DEADLINE = 180.0
FLAT = 1.15
"""So many times what it costs on an empty database is still the same: less than a run differs from the next."""
EMPTY = "empty"


async def measure_cost(stage: Stage, words: str, size: str) -> None:
    """Users write at a steady rate and are answered; the database holds what it does. Begin with the EMPTY one."""
    async with stage.step(words, (f"cpu_{size}", f"postgres_{size}"), STEP_DEADLINE):
        others = stage.others()
        async with stage.instance() as leader:
            async with others.writing([leader.port], RATE):
                await asyncio.sleep(WARM_UP)
                since, cpu, postgres = monotonic(), leader.side.cpu_seconds(), postgres_cpu_seconds(stage.server)
                await asyncio.sleep(min(MOST_WINDOW, stage.plan.window))
                cpu = leader.side.cpu_seconds() - cpu
                postgres, until = postgres_cpu_seconds(stage.server) - postgres, monotonic()
            await others.done(wait_for_menus=True)
        updates = len(others.waits(since, until).acks)
        for name, seconds in (("cpu", cpu), ("postgres", postgres)):
            _found(stage, name, size, 1e6 * seconds / updates)
        stage.findings.details[f"cost_{size}"] = {"updates": updates, "errors": others.errors}


def _found(stage: Stage, name: str, size: str, microseconds: float) -> None:
    empty = stage.findings.rows.get(f"{name}_{EMPTY}")
    flat = FLAT * empty.value if size != EMPTY and empty is not None and empty.value is not None else None
    stage.found(f"{name}_{size}", microseconds, most=flat)
