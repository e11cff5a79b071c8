"""The plots of the ops page as SVG: what is sent to it, from slots of the table figures and from transitions.

The event `plots` of the stream carries what `plots` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from svc.plots.time_plot import Line, plot
from svc.plots.timeline import NARROW, WIDE, Term, timeline
from svc.reports.history import leadership_terms
from svc.storage.figures import WRITE_EVERY, Slot, percentile

POINTS: Final = 120
"""So many slots over the whole window."""
WINDOWS: Final = (0.25, 1, 6, 24, 168)
"""The hours that can be chosen, the first of them to begin with."""

_Value = Callable[[Slot], float | None]
_Line = tuple[str, str, _Value]
"""The name of a line, its CSS class, and its value."""


def slot_seconds(hours: float) -> float:
    """How long the slots are that a window of so many hours is drawn from: each holds a row of every instance."""
    return max(hours * 3600 / POINTS, 2 * WRITE_EVERY)


def terms(transitions: Sequence[Mapping[str, Any]]) -> list[Term]:
    """The terms in transitions of all instances, the oldest first, with what began and what ended each."""
    rows = [dict(row) for row in transitions]
    why = {(row["instance_id"], row["at"]): f"{row['trigger']}: {row['reason']}" for row in rows}
    return [
        Term(
            term.instance,
            term.epoch,
            term.start.timestamp(),
            None if term.end is None else term.end.timestamp(),
            why[term.instance, term.start],
            # An end that nobody wrote has no trigger.
            why.get((term.instance, term.end), term.ended_by) if term.end else "",
            term.gap,
        )
        for term in leadership_terms(rows)
    ]


def plots(slots: Sequence[Slot], terms: Sequence[Term], *, until: float, hours: float) -> dict[str, str]:
    """Every plot of the last `hours` before `until` (Unix time), as SVG by its name.

    `timeline`, `timeline_narrow` (for a phone), and those of the table below. `slots` are of `slot_seconds(hours)`.
    """
    seconds = hours * 3600.0
    so_far = [_so_far(slot, until) for slot in slots]
    lines = {
        name: plot(title, unit, _lines(so_far, hours, lines), [], until=until, seconds=seconds, labelled=False)
        for name, (title, unit, lines) in _PLOTS.items()
    }
    over_time = {
        name: timeline(terms, until=until, seconds=seconds, width=width)
        for name, width in (("timeline", WIDE), ("timeline_narrow", NARROW))
    }
    return over_time | lines


def _so_far(slot: Slot, until: float) -> Slot:
    """A slot with as many seconds as have gone by of it: in one that goes on, a rate is that of its rows so far."""
    return replace(slot, seconds=min(slot.seconds, max(until - slot.at.timestamp(), WRITE_EVERY)))


def _lines(slots: Sequence[Slot], hours: float, lines: Sequence[_Line]) -> list[Line]:
    return [Line(name, style, _points(slots, hours, value)) for name, style, value in lines]


def _points(slots: Sequence[Slot], hours: float, value: _Value) -> list[tuple[float, float | None]]:
    """The value of each slot at the middle of what has gone by of it, with a gap where a slot is missing."""
    found: list[tuple[float, float | None]] = []
    for slot in slots:
        at = slot.at.timestamp() + slot.seconds / 2
        if found and at - found[-1][0] > 1.5 * slot_seconds(hours):
            found.append((at - slot_seconds(hours), None))
        found.append((at, value(slot)))
    return found


def _rate(table: str, name: str) -> _Value:
    """How many a second."""
    return lambda slot: getattr(slot, table).get(name, 0) / slot.seconds


def _reading(name: str) -> _Value:
    """As the ACTIVE instance read it last; a gap where nobody did."""
    return lambda slot: None if slot.readings is None else slot.readings.get(name)


def _latency(name: str, share: float) -> _Value:
    """A percentile, in milliseconds."""

    def value(slot: Slot) -> float | None:
        seconds = percentile(getattr(slot, name), share)
        return None if seconds is None else seconds * 1000

    return value


def _failed(slot: Slot) -> float:
    """Calls a second of which nothing came, or of which it is not known what did."""
    return (slot.answers.get("not_sent", 0) + slot.answers.get("in_doubt", 0)) / slot.seconds


_FIRST: Final = "line-first"
_SECOND: Final = "line-second"
_THIRD: Final = "line-third"

# By the plot's name: its title, its unit, and its lines.
_PLOTS: Final[Mapping[str, tuple[str, str, Sequence[_Line]]]] = {
    "updates": (
        "Updates",
        "/s",
        [("done", _FIRST, _rate("counts", "done")), ("accepted", "line-dotted", _rate("counts", "accepted"))],
    ),
    "inbox": ("Waiting", "updates", [("waiting", _SECOND, _reading("inbox"))]),
    "oldest": ("The oldest waits", "s", [("oldest", _SECOND, _reading("oldest_seconds"))]),
    "trouble": (
        "Trouble",
        "/s",
        [
            ("in doubt", _SECOND, _rate("counts", "in_doubt")),
            ("retried", _THIRD, _rate("counts", "retried")),
            ("dead", "line-bad", _rate("counts", "dead")),
        ],
    ),
    "ack": (
        "Time to accept",
        "ms",
        [("p50", _SECOND, _latency("ack", 0.5)), ("p99", _THIRD, _latency("ack", 0.99))],
    ),
    "menu": (
        "Time to the menu",
        "ms",
        [("p50", _SECOND, _latency("menu", 0.5)), ("p99", _THIRD, _latency("menu", 0.99))],
    ),
    "answers": (
        "Bot API",
        "/s",
        [
            ("ok", _FIRST, _rate("answers", "ok")),
            ("refused", _SECOND, _rate("answers", "refused")),
            ("429", _THIRD, _rate("answers", "flood")),
            ("failed", "line-bad", _failed),
        ],
    ),
    "flood": ("Waits asked for (429)", "s", [("asked", _THIRD, lambda slot: slot.flood_seconds)]),
}

PLOTS: Final = tuple(_PLOTS)
"""The names of the plots over time, in their order on the page."""
