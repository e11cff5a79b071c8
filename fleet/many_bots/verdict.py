"""The verdict: one leader for every bot, at no moment two, and how long each was without one.

By what the members say they did as leaders, each on the clock that all processes of one machine share, and by what the
database says in the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass
class Span:
    """A time in which `member` acted as the leader of `bot`, in seconds of that clock; without an end it still does."""

    bot: int
    epoch: int
    member: str
    begin: float
    end: float | None = None


def by_bot(spans: Iterable[Span]) -> dict[int, list[Span]]:
    """The spans of each bot, in the order in which they began."""
    found: dict[int, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.begin):
        found[span.bot].append(span)
    return found


def two_at_once(spans: Iterable[Span]) -> list[tuple[Span, Span]]:
    """Terms of one bot of which the later began before the earlier had ended, or has a lower epoch."""
    pairs = (pair for terms in by_bot(spans).values() for pair in pairwise(terms))
    return [
        (former, later)
        for former, later in pairs
        if former.end is None or later.begin < former.end or later.epoch <= former.epoch
    ]


def without_leader(spans: Iterable[Span], bots: Sequence[int], epochs: Mapping[int, int]) -> list[int]:
    """The bots that nobody leads in the end, or whose leader is not of the latest term that the database knows."""
    leading = {span.bot: span.epoch for span in spans if span.end is None}
    return [bot for bot in bots if bot not in leading or leading[bot] != epochs.get(bot)]


def waits(spans: Iterable[Span], since: float, bots: Iterable[int]) -> dict[int, float]:
    """How many seconds after `since` each of `bots` had a leader again, if it has; a term that was there counts not."""
    terms = by_bot(spans)
    began = {bot: [span.begin for span in terms[bot] if span.begin >= since] for bot in bots}
    return {bot: begins[0] - since for bot, begins in began.items() if begins}


def gaps(spans: Iterable[Span], bots: Iterable[int]) -> list[float]:
    """For each of `bots` the seconds from the end of its last but one term to the begin of its last one."""
    terms = by_bot(spans)
    lasts = (terms[bot][-2:] for bot in bots)
    return [last[1].begin - last[0].end for last in lasts if len(last) == 2 and last[0].end is not None]
