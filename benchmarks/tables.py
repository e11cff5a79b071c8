"""The tables for people: throughputs as medians and as ratios, takeovers as quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.report import Run, paired_ratios, percentile, values_of
from benchmarks.takeover import Samples


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
    Row("cpu_us menus 40", "CPU of a menu, µs, 40 conn.", more_is_better=False),
    Row("postgres_us menus 40", "  and Postgres'", more_is_better=False),
    Row("cpu_us menus 100", "CPU of a menu, µs, 100 conn.", more_is_better=False),
    Row("postgres_us menus 100", "  and Postgres'", more_is_better=False),
    Row("cpu_us open", "CPU of a menu, µs, 200/s", more_is_better=False),
    Row("postgres_us open", "  and Postgres'", more_is_better=False),
    Row("rss", "memory after, MiB", 1, more_is_better=False),
    Row("peak_rss", "memory at its peak, MiB", 1, more_is_better=False),
)
_WORDS, _MEDIAN, _RATIO = 29, 16, 22


def medians_table(runs: list[Run], sides: Sequence[str]) -> str:
    """Each figure's median over the rounds, for every side."""
    lines = [_line("median of the rounds", sides, _MEDIAN, "better")]
    for row in ROWS:
        found = [values_of(runs, side, row.key) for side in sides]
        if any(found):
            cells = [f"{median(values):,.{row.digits}f}" if values else "-" for values in found]
            lines.append(_line(row.words, cells, _MEDIAN, "more" if row.more_is_better else "less"))
    return "\n".join(lines)


def ratios_table(runs: list[Run], side: str, peers: Sequence[str]) -> str:
    """Each figure of `side` divided by every peer's: the median of the rounds' ratios, and the least and the most."""
    lines = [_line(f"{side} divided by", peers, _RATIO, "better")]
    for row in ROWS:
        found = [paired_ratios(runs, side, peer, row.key) for peer in peers]
        if any(found):
            cells = [_ratio(ratios) for ratios in found]
            lines.append(_line(row.words, cells, _RATIO, ">1" if row.more_is_better else "<1"))
    return "\n".join(lines)


def takeover_table(samples: list[Samples], sides: Sequence[str]) -> str:
    """The times as aligned text: each side's number of trials, p50 and p99 in ms, and the ratio of the p50s."""
    found = {(each.name, each.side): each.times for each in samples}
    lines = [_takeover_line("", [("n", "p50", "p99") for _ in sides], "ratio" if len(sides) > 1 else "")]
    if len(sides) > 1:
        lines.insert(0, _takeover_line("", [("", side, "") for side in sides], ""))
    for name in dict.fromkeys(each.name for each in samples):
        times = [found.get((name, side), []) for side in sides]
        p50s = [percentile(each, 0.5) for each in times if each]
        ratio = f"{p50s[0] / p50s[1]:.2f}" if len(p50s) > 1 and p50s[1] else ""
        lines.append(_takeover_line(name, [_quantiles(each) for each in times], ratio))
    return "\n".join(lines)


def _ratio(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})" if ratios else "-"


def _quantiles(times: list[float]) -> tuple[str, str, str]:
    if not times:
        return "0", "-", "-"
    return str(len(times)), f"{percentile(times, 0.5):,.1f}", f"{percentile(times, 0.99):,.1f}"


def _takeover_line(words: str, cells: list[tuple[str, str, str]], ratio: str) -> str:
    return "".join([f"{words:<50}", *(f"{n:>6}{p50:>11}{p99:>11}" for n, p50, p99 in cells), f"{ratio:>8}"]).rstrip()


def _line(words: str, cells: Sequence[str], width: int, better: str) -> str:
    return "".join([f"{words:<{_WORDS}}", *(f"{cell:>{width}}" for cell in cells), f"{better:>8}"])
