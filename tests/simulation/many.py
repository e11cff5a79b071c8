"""Many seeds, shared among processes."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.schedule import make_schedule
from tests.simulation.world import run_seed

BLOCK = 100


def run_seeds(seeds: range, processes: int) -> None:
    """Run `seeds` and print after each hundred how far it is. Raises Violation, also another process's."""
    started = time.monotonic()
    blocks = [seeds[start : start + BLOCK] for start in range(0, len(seeds), BLOCK)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        done = 0
        try:
            for count in pool.map(run_block, blocks):
                done += count
                print(f"{done} seeds, {time.monotonic() - started:.0f} s", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)  # after a violation the rest is not waited for


def run_block(seeds: range) -> int:
    """Run these one after the other; how many there were."""
    for seed in seeds:
        run_seed(make_schedule(seed))
    return len(seeds)
