"""The plots of the ops page as SVG: what is sent to it, from slots of the table figures and from transitions.

The event `plots` of the stream carries what `plots` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from svc.plots.time_plot import Line, plot
from svc.plots.timeline import NARROW, WIDE, Term, timeline
from svc.reports.history import leadership_terms
from svc.storage.figures import Slot, percentile

POINTS: Final = 120
"""So many slots over the whole window."""
WINDOWS: Final = (1, 6, 24, 168)
"""The hours that can be chosen."""

_Value = Callable[[Slot], float | None]


def slot_seconds(hours: int) -> float:
    """How long the slots are that a window of so many hours is drawn from."""
    return hours * 3600 / POINTS


def terms(transitions: Sequence[Mapping[str, Any]]) -> list[Term]:
    """The terms in transitions of all instances, the oldest first, with what began and what ended each."""
    rows = [dict(row) for row in transitions]
    began = {
        (row["instance_id"], row["at"]): f"{row['trigger']}: {row['reason']}"
        for row in rows
        if row["to_state"] == "ACTIVE"
    }
    return [
        Term(
            term.instance,
            term.epoch,
            term.start.timestamp(),
            None if term.end is None else term.end.timestamp(),
            began[term.instance, term.start],
            term.ended_by,
            term.gap,
        )
        for term in leadership_terms(rows)
    ]


def plots(slots: Sequence[Slot], terms: Sequence[Term], *, until: float, hours: int) -> dict[str, str]:
    """Every plot of the last `hours` before `until` (Unix time), as SVG by its name.

    `timeline` and `timeline_narrow` (for a phone); `updates`, `inbox`, `oldest`, `trouble`, `ack`, `menu`, `answers`,
    `flood`. `slots` are of `slot_seconds(hours)` each.
    """
    seconds = hours * 3600.0

    def draw(title: str, unit: str, **lines: _Value) -> str:
        drawn = [
            Line(_NAMES.get(name, name), _STYLES[name], _points(slots, hours, value)) for name, value in lines.items()
        ]
        return plot(title, unit, drawn, [], until=until, seconds=seconds, labelled=False)

    return {
        "timeline": timeline(terms, until=until, seconds=seconds, width=WIDE),
        "timeline_narrow": timeline(terms, until=until, seconds=seconds, width=NARROW),
        "updates": draw("Updates", "/s", done=_rate("counts", "done"), accepted=_rate("counts", "accepted")),
        "inbox": draw("Waiting", "updates", waiting=_reading("inbox")),
        "oldest": draw("The oldest waits", "s", oldest=_reading("oldest_seconds")),
        "trouble": draw(
            "Trouble", "/s", in_doubt=_rate("counts", "in_doubt"), retried=_rate("counts", "retried"),
            dead=_rate("counts", "dead"),
        ),
        "ack": draw("Until accepted", "ms", p50=_latency("ack", 0.5), p99=_latency("ack", 0.99)),
        "menu": draw("Until the menu", "ms", p50=_latency("menu", 0.5), p99=_latency("menu", 0.99)),
        "answers": draw(
            "Bot API", "/s", ok=_rate("answers", "ok"), refused=_rate("answers", "refused"), flood=_rate("answers", "flood"),
            failed=_failed,
        ),
        "flood": draw("Told to wait (429)", "s", asked=lambda slot: slot.flood_seconds),
    }  # fmt: skip


_NAMES: Final = {"in_doubt": "in doubt", "flood": "429"}
_STYLES: Final = {
    "done": "line-first",
    "accepted": "line-dotted",
    "waiting": "line-second",
    "oldest": "line-second",
    "in_doubt": "line-second",
    "retried": "line-third",
    "dead": "line-bad",
    "p50": "line-second",
    "p99": "line-third",
    "ok": "line-first",
    "refused": "line-second",
    "flood": "line-third",
    "failed": "line-bad",
    "asked": "line-third",
}


def _points(slots: Sequence[Slot], hours: int, value: _Value) -> list[tuple[float, float | None]]:
    """The value of each slot at its middle, with a gap where a slot is missing."""
    found: list[tuple[float, float | None]] = []
    for slot in slots:
        at = slot.at.timestamp() + slot_seconds(hours) / 2
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
