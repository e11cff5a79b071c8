"""What was measured: the values of each run, how those of two sides are compared, and a file of all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.takeover import Samples

RESULTS = Path(__file__).resolve().parent / "results"
_OURS = ("asyncpg", "httpcore", "httpx", "hypercorn", "quart-trio", "trio")
_THEIRS = ("aiogram", "aiohttp", "python-telegram-bot", "tornado", "uvloop")


@dataclass
class Run:
    """What one figure came to, for one side, in one round."""

    round: int
    side: str
    figure: str
    values: dict[str, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)


def percentile(sample: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of the sample does not exceed (nearest rank)."""
    ordered = sorted(sample)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def values_of(runs: list[Run], side: str, key: str) -> list[float]:
    """All values of one side under this key."""
    return [run.values[key] for run in runs if run.side == side and key in run.values]


def paired_ratios(runs: list[Run], side: str, peer: str, key: str) -> list[float]:
    """Of each round in which both were measured, the side's value divided by the peer's."""
    by_round = {(run.side, run.round): run.values[key] for run in runs if key in run.values}
    rounds = sorted({number for _, number in by_round})
    pairs = [(by_round.get((side, number)), by_round.get((peer, number))) for number in rounds]
    return [mine / theirs for mine, theirs in pairs if mine is not None and theirs]


def errors(runs: list[Run]) -> list[str]:
    """One line for every run that had errors."""
    return [
        f"round {run.round}, {run.side}, {run.figure}: {what}: {times}"
        for run in runs
        for what, times in run.errors.items()
    ]


def save(runs: list[Run], samples: list[Samples], conditions: dict[str, Any]) -> Path:
    """Write everything that was measured under results/; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    content = {
        **conditions,
        "packages": {name: version(name) for name in _OURS + _THEIRS},
        "runs": [asdict(run) for run in runs],
        "takeovers": [asdict(each) for each in samples],
    }
    path.write_text(json.dumps(content, indent=1, default=str) + "\n")
    return path
