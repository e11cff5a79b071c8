"""What `svc transitions` says: every transition, then who was ACTIVE when, with the gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svc.operations.printing.document import Column, Document, Table, Words, line
from svc.operations.printing.durations import duration_text
from svc.operations.printing.output import TO_MILLISECONDS, moment_text
from svc.operations.texts.status import STATE_TONES
from svc.reports.history import LeadershipTerm, leadership_terms

_TRANSITIONS = (
    Column("when"),
    Column("instance", plain="{}:", folds=True),
    Column("from"),
    Column("to", plain="-> {}"),
    Column("why", plain="({})", detail=True, folds=True),
    Column("epoch", plain="epoch={}", right=True),
    Column("after", plain="after {}", right=True),
)
_TERMS = (
    Column("ACTIVE", plain="ACTIVE {}", folds=True),
    Column("epoch", plain="epoch={}", right=True),
    Column("from", plain="from {}"),
    Column("until"),
    Column("led for", plain="(led for {})", right=True, detail=True),
    Column("nobody before", plain="nobody for {} before", right=True, detail=True),
    Column("ended by", plain="ended by: {}", detail=True, folds=True),
)


def history_document(transitions: Sequence[dict[str, Any]]) -> Document:
    """Every transition, then every term of an ACTIVE instance."""
    if not transitions:
        return [line("no instance has run yet")]
    terms = leadership_terms(transitions)
    return [
        Table(_TRANSITIONS, [_transition(row) for row in transitions]),
        line(),
        Table(_TERMS, [_term(term) for term in terms]) if terms else line("nobody was ACTIVE in this time"),
    ]


def _transition(row: Mapping[str, Any]) -> list[Words]:
    return [
        _moment(moment_text(row["at"])),
        Words(row["instance_id"]),
        Words(row["from_state"], STATE_TONES.get(row["from_state"], "")),
        Words(row["to_state"], STATE_TONES.get(row["to_state"], "")),
        Words(f"{row['trigger']}: {row['reason']}"),
        Words("" if row["epoch"] is None else str(row["epoch"])),
        Words(duration_text(row["held"])),
    ]


def _term(term: LeadershipTerm) -> list[Words]:
    return [
        Words(term.instance),
        Words("" if term.epoch is None else str(term.epoch)),
        _moment(moment_text(term.start)),
        Words("and still", "good") if term.end is None else _until(moment_text(term.end)),
        Words("" if term.end is None else duration_text((term.end - term.start).total_seconds())),
        Words("" if term.gap is None else duration_text(term.gap), "warn" if term.gap else "good"),
        Words(term.ended_by),
    ]


def _moment(text: str) -> Words:
    """On a terminal without the time zone."""
    return Words(text, "faint", short=text[:TO_MILLISECONDS])


def _until(text: str) -> Words:
    return Words(f"until {text}", "faint", short=_moment(text).short)
