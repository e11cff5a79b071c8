"""Run one seed, with its schedule and its trace, or many, in as many processes as are asked for."""

from __future__ import annotations

import argparse
import os
import sys

from tests.simulation.many import run_seeds
from tests.simulation.schedule import make_schedule
from tests.simulation.world import run_seed


def main() -> int:
    """Run what the arguments say; a seed that breaks an invariant ends it with a traceback and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="one seed, with its schedule and trace")
    parser.add_argument("--seeds", type=int, default=500, help="this many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="to share them among")
    options = parser.parse_args()
    if options.seed is not None:
        print(make_schedule(options.seed))
        print("\n".join(run_seed(make_schedule(options.seed)).trace))
        return 0
    run_seeds(range(options.first, options.first + options.seeds), options.processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
