"""`python -m fleet.ha`: the service on three Postgres nodes under Patroni, and what becomes of every message.

Exit codes as in `fleet.commands.endings`; 0 too where it cannot be run here, which is said.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import httpx
import trio

from fleet.commands.endings import EXPECTED, EndedEarlyError, outcome_of, say_breaches, say_interrupted
from fleet.ha.patroni import ClusterFailed, running_cluster
from fleet.ha.play import play
from fleet.ha.programs import Missing, Programs, find_programs
from fleet.ha.report import markdown, table, words_of
from fleet.ha.result import Result
from fleet.ha.scenes import SCENES
from fleet.interrupt import until_interrupted
from fleet.process import THIS

FOLDER = THIS.folder / "build" / "ha"
"""Where programs are kept that are not installed."""
EXPECTED_HERE = (*EXPECTED, ClusterFailed, httpx.HTTPError)


def main() -> int:
    """The command line; returns the exit code."""
    options = _options()
    try:
        programs = find_programs(FOLDER)
    except Missing as reason:
        print(f"skipped: {reason}")
        return 0
    names = options.only or list(SCENES)
    print(f"seed {options.seed}; repeat with: {_command(options)}", flush=True)
    results: list[Result] = []
    breaches = []
    play_all = partial(trio.run, until_interrupted, partial(_play_all, programs, names, options.seed, results))
    try:
        if outcome_of(play_all, EXPECTED_HERE) is None:
            return say_interrupted()
    except EndedEarlyError as reason:
        breaches = [f"ended early: {reason}"]
    print(markdown(results) if options.markdown else table(results))
    breaches += [f"{result.scene}: {breach}" for result in results for breach in result.breaches()]
    code = say_breaches(breaches)
    held = f"{len(results)} scenes, lost 0, twice 0, every promise was kept"
    print(f"verdict: {'broken: ' + '; '.join(breaches) if breaches else held}")
    return code


async def _play_all(programs: Programs, names: Sequence[str], seed: int, results: list[Result]) -> bool:
    say = partial(print, flush=True)
    async with running_cluster(programs) as cluster:
        for name in names:
            result = await play(name, seed, cluster, programs, say)
            results.append(result)
            say(f"  {words_of(result)}")
    return True


def _options() -> argparse.Namespace:
    words = "; ".join(f"{name}: {scene.words}" for name, scene in SCENES.items())
    parser = argparse.ArgumentParser(prog="make ha OPTIONS=...", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="when each thing happens (default: 1)")
    parser.add_argument("--only", action="append", choices=SCENES, metavar="SCENE", help=f"may be repeated; {words}")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    arguments = [f"--seed {options.seed}", *(f"--only {name}" for name in options.only or [])]
    return f'make ha OPTIONS="{" ".join(arguments)}"'


if __name__ == "__main__":
    sys.exit(main())
