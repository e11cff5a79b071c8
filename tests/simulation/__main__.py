"""Run one seed with its story, or many, in as many processes as are asked for."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.schedule import make_schedule
from tests.simulation.world import run_seed

BLOCK = 100


def main() -> int:
    """Run what the arguments say; a seed that breaks an invariant ends it with a traceback and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="one seed, with its schedule and trace")
    parser.add_argument("--seeds", type=int, default=500, help="this many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1, help="how many to share them among")
    options = parser.parse_args()
    if options.seed is not None:
        print(make_schedule(options.seed))
        print("\n".join(run_seed(make_schedule(options.seed)).trace))
        return 0
    run_seeds(range(options.first, options.first + options.seeds), options.processes)
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
