"""Who was ACTIVE when, as SVG: a lane for each instance, its terms as bars, and the gaps between them, measured.

A gap is often too short to be seen where hours are shown: it is drawn at least as a line, in a lane of its own, with
its length beside it where there is room. Times on the axis are told as ages, since whoever looks may be in any zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from svc.plots.time_plot import ago

WIDE: Final = 600
NARROW: Final = 340
"""Widths of the drawing in its own units, for a desktop and for a phone."""
NAMES: Final = 104
"""Left of the lanes are their names."""
LANE: Final = 22
BAR: Final = 12
AXIS: Final = 20
MAX_LANES: Final = 8
"""Of the instances that led last; all before them share one lane."""
MAX_TERMS: Final = 300
"""The latest that are drawn."""
NAME_LETTERS: Final = 16
LETTER: Final = 5.6
LONG_GAP: Final = 1.0
"""Seconds from which on a gap is drawn as one that somebody may have felt."""
THINNEST: Final = 2.0
_UNITS: Final = (86_400, 3600, 60, 1)
"""A day, an hour, a minute, a second."""

_NOBODY: Final = "nobody"
_EARLIER: Final = "earlier ones"


@dataclass(frozen=True, slots=True)
class Term:
    """A term on the timeline, in Unix time. `end` None: it goes on. `gap`: seconds for which nobody led before."""

    instance: str
    epoch: int | None
    start: float
    end: float | None
    began_by: str
    ended_by: str
    gap: float | None


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a time is in the drawing."""

    until: float
    seconds: float
    width: int

    @property
    def since(self) -> float:
        return self.until - self.seconds

    def x(self, at: float) -> float:
        share = (max(at, self.since) - self.since) / self.seconds
        return round(NAMES + share * (self.width - NAMES - 6), 1)


def timeline(terms: Sequence[Term], *, until: float, seconds: float, width: int = WIDE) -> str:
    """The terms over the `seconds` before `until`, as an `<svg>` with a title and a description for screen readers.

    Each bar and each gap has a `<title>` with what a pointer over it should tell, and can have the focus: the latest by
    Tab. `terms` are in their order; `width` is WIDE or NARROW.
    """
    frame = _Frame(until, seconds, width)
    seen = [term for term in terms if term.start <= until and (term.end is None or term.end > frame.since)][-MAX_TERMS:]
    lanes = lanes_of(seen)
    height = (len(lanes) + 1) * LANE + AXIS
    name = f"timeline-{width}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {width} {height}" role="group"'
        f' aria-labelledby="{name}" aria-describedby="{name}-text">',
        f'<title id="{name}">Who was ACTIVE</title>',
        f'<desc id="{name}-text">{escape(description(terms, until=until, seconds=seconds))}</desc>',
        *_axis(frame, height),
        *_names(lanes),
        *_gaps(frame, seen),
        *(_bar(frame, term, lanes, latest=term is seen[-1]) for term in seen),
        "</svg>",
    ]
    return "".join(parts)


def lanes_of(terms: Sequence[Term]) -> dict[str, int]:
    """The lane of each instance, from 1 on, in the order in which they first led; the earlier of many share lane 1."""
    latest = list(dict.fromkeys(term.instance for term in reversed(terms)))
    shown = set(latest[: MAX_LANES if len(latest) <= MAX_LANES else MAX_LANES - 1])
    rows = [name for name in dict.fromkeys(term.instance for term in terms) if name in shown]
    if len(shown) == len(latest):
        return {name: row for row, name in enumerate(rows, start=1)}
    return {_EARLIER: 1} | {name: row for row, name in enumerate(rows, start=2)}


def description(terms: Sequence[Term], *, until: float, seconds: float) -> str:
    """The timeline in words: who leads, how many terms there were, and how long nobody led."""
    since = until - seconds
    shown = [term for term in terms if term.end is None or term.end > since]
    if not shown:
        return "Nobody was ACTIVE in this time, as far as is known."
    gaps = [term.gap for term in shown if term.gap is not None and term.start > since]
    now = f"{shown[-1].instance} is ACTIVE." if shown[-1].end is None else "Nobody is ACTIVE now."
    without = f" Without anybody ACTIVE: {length(sum(gaps))}, {length(max(gaps))} at most." if gaps else ""
    return f"{now} {len(shown)} {'term' if len(shown) == 1 else 'terms'}.{without}"


def length(seconds: float) -> str:
    """A length of time as one reads it: "< 1 ms", "80 ms", "4.2 s", "41 s", "12 min", "3.2 h", "2 d"."""
    if seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.995:
        return f"{seconds * 1000:.0f} ms"
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"
    return f"{seconds / 86_400:.1f} d"


def cut(name: str) -> str:
    """A name that fits left of the lanes: of a long one the end, which tells instances of one service apart."""
    return name if len(name) <= NAME_LETTERS else f"…{name[1 - NAME_LETTERS :]}"


def _told(term: Term, until: float) -> str:
    """What there is to know of a term, in sentences."""
    epoch = "" if term.epoch is None else f", epoch {term.epoch}"
    ran = length((until if term.end is None else term.end) - term.start)
    end = f"still is, for {ran}" if term.end is None else f"until {clock(term.end)}, {ran}"
    how = [f"Began by {term.began_by}." if term.began_by else "", f"Ended by {term.ended_by}." if term.ended_by else ""]
    return " ".join([f"{term.instance} was ACTIVE from {clock(term.start)}, {end}{epoch}.", *filter(None, how)])


def clock(at: float) -> str:
    """A moment, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _bar(frame: _Frame, term: Term, lanes: dict[str, int], *, latest: bool) -> str:
    lane = lanes.get(term.instance, lanes.get(_EARLIER, 1))
    end = frame.until if term.end is None else term.end
    style = "term term-now" if term.end is None else "term"
    return _shape(frame, term.start, end, lane, style, _told(term, frame.until), focus=latest)


def _gaps(frame: _Frame, terms: Sequence[Term]) -> Iterator[str]:
    """Each time without anybody ACTIVE, and its length where there is room for it."""
    gaps = [gap for gap in _times_without(frame, terms) if gap[1] > frame.since]
    starts = [*(frame.x(start) for start, *_ in gaps), float(frame.width)]
    free = float(NAMES)
    for (start, end, successor), after in zip(gaps, starts[1:], strict=True):
        told = f"Nobody was ACTIVE for {length(end - start)}, from {clock(start)}."
        told += f" Then {successor} led." if successor else " Nobody is yet."
        style = "gap gap-long" if end - start >= LONG_GAP else "gap"
        yield _shape(frame, start, end, 0, style, told, focus=False)
        words, left, right = length(end - start), frame.x(start) - 4, max(frame.x(end), frame.x(start) + THINNEST) + 4
        wide = LETTER * len(words)
        if right + wide < after:
            yield _text(right, LANE / 2 + 3.5, "plot-start", words)
            right += wide
        elif left - wide > free:
            yield _text(left, LANE / 2 + 3.5, "plot-end", words)
        free = right


def _times_without(frame: _Frame, terms: Sequence[Term]) -> Iterator[tuple[float, float, str]]:
    """From when until when nobody was ACTIVE, and who was next; nobody, of the time that still goes on."""
    for term in terms:
        if term.gap is not None:
            yield term.start - term.gap, term.start, term.instance
    if terms and terms[-1].end is not None:
        yield terms[-1].end, frame.until, ""


def _shape(frame: _Frame, start: float, end: float, lane: int, style: str, told: str, *, focus: bool) -> str:
    """A bar with its title."""
    x, right = frame.x(start), frame.x(end)
    wide = max(right - x, THINNEST)
    y = lane * LANE + (LANE - BAR) / 2
    rect = f'<rect x="{min(x, frame.width - 6 - wide):g}" y="{y:g}" width="{wide:g}" height="{BAR}" rx="2"/>'
    words = escape(told)
    tab = 0 if focus else -1
    title = f"<title>{words}</title>"
    return f'<g class="{style}" role="img" tabindex="{tab}" aria-label="{words}">{title}{rect}</g>'


def _names(lanes: dict[str, int]) -> Iterator[str]:
    yield _text(0, LANE / 2 + 3.5, "plot-start", _NOBODY)
    for name, lane in lanes.items():
        y = lane * LANE + LANE / 2 + 3.5
        title = f"<title>{escape(name)}</title>"
        yield f'<text class="plot-start lane-name" x="0" y="{y:g}">{title}{escape(cut(name))}</text>'


def _axis(frame: _Frame, height: int) -> Iterator[str]:
    """An upright line at each age, and the age."""
    parts = _parts(frame.seconds) if frame.width > NARROW else 2
    for part in range(parts + 1):
        age = frame.seconds * (parts - part) / parts
        x = frame.x(frame.until - age)
        anchor = "plot-end" if part == parts else "plot-start" if part == 0 else "plot-middle"
        yield f'<path class="plot-grid" d="M{x:g} 0V{height - AXIS + 4}"/>'
        yield _text(x, height - 4, anchor, ago(age))


def _parts(seconds: float) -> int:
    """Into how many the axis is divided, so that each is a whole number of days, hours, minutes or seconds."""

    def whole(parts: int) -> bool:
        step = seconds / parts
        return step % next((unit for unit in _UNITS if unit <= step), 1) == 0

    return next(filter(whole, (4, 3, 7)), 2)


def _text(x: float, y: float, style: str, text: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(text)}</text>'
