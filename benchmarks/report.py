"""What was measured, in short: tables for people, a file for programs, and the check."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.takeover import Samples

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass
class Run:
    """What one figure came to, for one side, in one round."""

    round: int
    side: str
    figure: str
    values: dict[str, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of the table: the value's key, its words, and its number format."""

    key: str
    words: str
    digits: int = 0
    more_is_better: bool = True


ROWS = (
    Row("acks_40", "acks/s, 40 connections"),
    Row("settled_40", "  and worked off/s"),
    Row("acks_100", "acks/s, 100 connections"),
    Row("settled_100", "  and worked off/s"),
    Row("menus_40", "menus/s, 40 connections"),
    Row("menus_100", "menus/s, 100 connections"),
    Row("ack_p50", "ack p50 ms, 200/s", 2, more_is_better=False),
    Row("ack_p99", "ack p99 ms, 200/s", 2, more_is_better=False),
    Row("menu_p50", "menu p50 ms, 200/s", 2, more_is_better=False),
    Row("menu_p99", "menu p99 ms, 200/s", 2, more_is_better=False),
    Row("rss", "memory after, MiB", 1, more_is_better=False),
    Row("peak_rss", "memory at its peak, MiB", 1, more_is_better=False),
)
THROUGHPUTS = ("acks_40", "acks_100", "menus_40", "menus_100")
MOST_ACK_P99_MS = 10.0
MOST_RSS_MB = 100.0


def percentile(sample: list[float], share: float) -> float:
    """The value that `share` (0..1) of the sample does not exceed (nearest rank)."""
    ordered = sorted(sample)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def throughput_table(runs: list[Run], sides: list[str]) -> str:
    """The runs as aligned text: each figure's median and its least and most, and ours divided by the other side's."""
    lines = [_line("", sides, "ratio", "better")]
    for row in ROWS:
        found = {side: _values(runs, side, row.key) for side in sides}
        if not any(found.values()):
            continue
        cells = [_cell(found[side], row.digits) for side in sides]
        ratio = _ratio([median(found[side]) for side in sides if found[side]])
        lines.append(_line(row.words, cells, ratio, "more" if row.more_is_better else "less"))
    return "\n".join(lines)


def takeover_table(samples: list[Samples], sides: list[str]) -> str:
    """The times as aligned text: each side's number of trials, p50 and p99 in ms, and the ratio of the p50s."""
    found = {(each.name, each.side): each.times for each in samples}
    lines = [_takeover_line("", [("n", "p50", "p99") for _ in sides], "ratio")]
    if len(sides) > 1:
        lines.insert(0, _takeover_line("", [("", side, "") for side in sides], ""))
    for name in dict.fromkeys(each.name for each in samples):
        times = [found.get((name, side), []) for side in sides]
        ratio = _ratio([percentile(each, 0.5) for each in times if each])
        lines.append(_takeover_line(name, [_quantiles(each) for each in times], ratio))
    return "\n".join(lines)


def errors(runs: list[Run]) -> list[str]:
    """One line for every run that had errors."""
    return [
        f"round {run.round}, {run.side}, {run.figure}: {what}: {times}"
        for run in runs
        for what, times in run.errors.items()
    ]


def faults(runs: list[Run]) -> list[str]:
    """What `--check` has to complain about: one line each."""
    found = []
    for key in THROUGHPUTS:
        ours, rival = (_values(runs, side, key) for side in ("ours", "rival"))
        if not ours or not rival:
            found.append(f"{key} was not measured for both sides")
        elif median(ours) < median(rival):
            found.append(f"{key}: ours {median(ours):,.0f} < rival {median(rival):,.0f}")
    for key, most in (("ack_p99", MOST_ACK_P99_MS), ("rss", MOST_RSS_MB)):
        ours = _values(runs, "ours", key)
        if not ours:
            found.append(f"{key} was not measured")
        elif median(ours) >= most:
            found.append(f"{key}: ours {median(ours):.1f} >= {most:.0f}")
    return found


def save(runs: list[Run], samples: list[Samples], conditions: dict[str, Any]) -> Path:
    """Write everything that was measured under results/; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    packages = ("aiogram", "aiohttp", "asyncpg", "hypercorn", "quart-trio", "trio", "uvloop")
    content = {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        **conditions,
        "runs": [asdict(run) for run in runs],
        "takeovers": [asdict(each) for each in samples],
    }
    path.write_text(json.dumps(content, indent=1, default=str) + "\n")
    return path


def _values(runs: list[Run], side: str, key: str) -> list[float]:
    return [run.values[key] for run in runs if run.side == side and key in run.values]


def _ratio(medians: list[float]) -> str:
    """The first side's divided by the second's; nothing where there is only one."""
    return f"{medians[0] / medians[1]:.2f}" if len(medians) == 2 and medians[1] else ""


def _quantiles(times: list[float]) -> tuple[str, str, str]:
    if not times:
        return "0", "-", "-"
    return str(len(times)), f"{percentile(times, 0.5):,.1f}", f"{percentile(times, 0.99):,.1f}"


def _takeover_line(words: str, cells: list[tuple[str, str, str]], ratio: str) -> str:
    return "".join([f"{words:<50}", *(f"{n:>6}{p50:>11}{p99:>11}" for n, p50, p99 in cells), f"{ratio:>8}"])


def _cell(values: list[float], digits: int) -> str:
    if not values:
        return "-"
    middle, least, most = (f"{value:,.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle} ({least}..{most})"


def _line(words: str, cells: list[str], ratio: str, better: str) -> str:
    return "".join([f"{words:<26}", *(f"{cell:>26}" for cell in cells), f"{ratio:>8}", f"{better:>8}"])
