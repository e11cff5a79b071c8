"""What `svc actions` says: who did what when, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svc.operations.printing.document import Column, Document, Table, Words
from svc.operations.printing.output import json_text, moment_text, short_moment

NO_END = "has not ended, or was stopped half-way"

_ACTIONS = (
    Column("when"),
    Column("who", folds=True),
    Column("by", plain="({}):"),
    Column("action"),
    Column("detail", folds=True, detail=True),
    Column("outcome", plain="-> {}", folds=True, detail=True),
)


def actions_document(actions: Sequence[Mapping[str, Any]]) -> Document:
    """One action a row."""
    return [Table(_ACTIONS, [_action(row) for row in actions])]


def _action(row: Mapping[str, Any]) -> list[Words]:
    outcome = Words(NO_END, "warn") if row["ended_at"] is None else Words(row["outcome"] or "")
    return [
        Words(moment_text(row["at"]), "faint", short=short_moment(row["at"])),
        Words(row["operator"], "strong"),
        Words(row["via"]),
        Words(row["action"], "note"),
        Words(_detail(row["detail"])),
        outcome,
    ]


def _detail(detail: Mapping[str, Any]) -> str:
    """name=value of what is given; nothing is said of what is empty or null."""
    given = ((name, value) for name, value in detail.items() if value not in (None, "", [], {}, False))
    return " ".join(f"{name}={value if isinstance(value, str) else json_text(value)}" for name, value in given)
