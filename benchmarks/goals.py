"""What `make bench --check` demands, and whether it was found.

Ratios are medians of pairs: of each round, ours divided by the peer's. "The best peer" is, of all peers that were
measured, the one that we look worst beside. Quantiles of takeovers are of all trials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.plan import INTAKE, OURS, PEERS
from benchmarks.report import Run, paired_ratios, percentile, values_of
from benchmarks.takeover import Samples

THROUGHPUTS = {
    "acks_40": "acks/s, 40 connections",
    "acks_100": "acks/s, 100 connections",
    "menus_40": "menus/s, 40 connections",
    "menus_100": "menus/s, 100 connections",
}
RIVAL = "aiogram"
LEAST = {OURS: 1.5, INTAKE: 2.0}
"""The throughputs of these sides divided by the rival's."""
LATENCIES = {"ack_p99": ("ack p99", 1.0), "menu_p50": ("menu p50", 1.2), "menu_p99": ("menu p99", 1.5)}
"""At 200 updates a second; at most so many times the best peer's."""
TAKEOVERS_MS = (
    ("planned handover: last call -> next one's first", 0.5, 30.0),
    ("planned handover: last call -> next one's first", 0.99, 100.0),
    ("kill -9: signal -> next one ACTIVE", 0.99, 300.0),
    ("cold start: process -> ACTIVE", 0.99, 500.0),
    ("cold start: process -> first 200", 0.99, 400.0),
)
"""What is measured, which quantile of it, and under how many ms that has to be."""
MEMORY_MB = 80.0


@dataclass(frozen=True)
class Goal:
    """One goal, what is wanted, what was found ("not measured" if nothing was), and whether it is met."""

    words: str
    wanted: str
    found: str
    met: bool

    def __str__(self) -> str:
        return f"{self.words:<62}{self.wanted:>16}{self.found:>32}  {'met' if self.met else 'missed'}"


def judge(runs: list[Run], samples: list[Samples]) -> list[Goal]:
    """All goals."""
    return [*_throughputs(runs), *_latencies(runs), *_takeovers(samples), _memory(runs)]


def _throughputs(runs: list[Run]) -> Iterator[Goal]:
    for side, least in LEAST.items():
        for key, words in THROUGHPUTS.items():
            ratios = paired_ratios(runs, side, RIVAL, key)
            found = f"{median(ratios):.2f}" if ratios else _NOTHING
            yield Goal(f"{words}: {side} / {RIVAL}", f">= {least:g}", found, bool(ratios) and median(ratios) >= least)


def _latencies(runs: list[Run]) -> Iterator[Goal]:
    for key, (words, most) in LATENCIES.items():
        beside = {peer: median(ratios) for peer in PEERS if (ratios := paired_ratios(runs, OURS, peer, key))}
        best = max(beside, key=lambda peer: beside[peer], default=None)
        found = f"{beside[best]:.2f} (best: {best})" if best else _NOTHING
        met = best is not None and beside[best] <= most
        yield Goal(f"{words} at 200/s: {OURS} / the best peer", f"<= {most:g}", found, met)


def _takeovers(samples: list[Samples]) -> Iterator[Goal]:
    times = {each.name: each.times for each in samples if each.side == OURS}
    for name, share, most in TAKEOVERS_MS:
        value = percentile(times[name], share) if times.get(name) else None
        yield _below(f"{name}, p{100 * share:.0f}", value, most, "ms")


def _memory(runs: list[Run]) -> Goal:
    found = values_of(runs, OURS, "rss")
    return _below("memory after all loads, the highest of the rounds", max(found, default=None), MEMORY_MB, "MiB")


def _below(words: str, value: float | None, most: float, unit: str) -> Goal:
    found = _NOTHING if value is None else f"{value:.1f} {unit}"
    return Goal(words, f"< {most:g} {unit}", found, value is not None and value < most)


_NOTHING = "not measured"
