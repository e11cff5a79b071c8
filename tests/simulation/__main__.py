"""Run one seed, with its schedule and its trace, or many."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.schedule import make_schedule
from tests.simulation.world import run_seed


def main() -> int:
    """Exit 1 at the first seed that breaks an invariant."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="one seed, with its schedule and trace")
    parser.add_argument("--seeds", type=int, default=500, help="this many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    if options.seed is not None:
        print(make_schedule(options.seed))
        print("\n".join(run_seed(make_schedule(options.seed)).trace))
        return 0
    started = time.monotonic()
    for seed in range(options.first, options.first + options.seeds):
        run_seed(make_schedule(seed))
        if seed % 100 == 99:
            print(f"{seed + 1 - options.first} seeds, {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
