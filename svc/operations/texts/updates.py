"""What `svc updates` says of many updates: a list of them, why they are dead, what became of a replay or a discard.

`life` has one update's life.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from svc.actions.dead_letters import Tally
from svc.operations.printing.document import Column, Document, Line, Table, Tone, Words, line
from svc.operations.printing.durations import duration_text
from svc.operations.printing.output import moment_text, short_moment

SHOWN_REASONS = 20

STATE_TONES: Mapping[str, Tone] = {"processing": "note", "in_doubt": "warn", "dead": "bad", "done": "good"}

_UPDATES = (
    Column("update", right=True),
    Column("state"),
    Column("kind", folds=True),
    Column("chat", plain="chat={}", right=True),
    Column("received", plain="received={}", detail=True),
    Column("age", plain="age={}", right=True),
    Column("tries", plain="attempts={}", right=True),
    Column("doubts", plain="doubts={}", right=True),
    Column("reason", detail=True, folds=True),
)
_REASONS = (
    Column("dead", plain="{} dead:", right=True),
    Column("reason", folds=True),
    Column("first died", plain="({}"),
    Column("last died", plain="to {})"),
)


def updates_document(updates: Sequence[Mapping[str, Any]], now: datetime) -> Document:
    """One update a row; its age is what it is `now`."""
    return [Table(_UPDATES, [_update(row, now) for row in updates])]


def reasons_document(reasons: Sequence[Mapping[str, Any]]) -> Document:
    """One reason a row: of how many updates, why, and when the first and the last of them died."""
    return [Table(_REASONS, [_reason(row) for row in reasons])]


def tally_document(tally: Tally, done: str) -> Document:
    """What was `done` to selected updates ("replayed"): to how many, then their reasons, the most frequent first."""
    reasons = tally.chosen.most_common(SHOWN_REASONS)
    more = len(tally.chosen) - len(reasons)
    return [
        line(Words(str(tally.chosen.total()), "strong"), f" of {tally.looked_at} dead updates {done}"),
        *(_of_reason(reason, updates) for reason, updates in reasons),
        *([line(f"and {more} other reasons", indent=2)] if more else []),
    ]


def _update(row: Mapping[str, Any], now: datetime) -> list[Words]:
    age = (now - row["received_at"]).total_seconds()
    return [
        Words(str(row["update_id"]), "strong"),
        Words(row["state"], STATE_TONES.get(row["state"], "")),
        Words(row["update_type"]),
        Words(str(row["chat_id"])),
        Words(moment_text(row["received_at"]), "faint", short=short_moment(row["received_at"])),
        Words(f"{max(0.0, age):.0f}s", short=duration_text(age)),
        Words(str(row["attempts"])),
        Words(str(row["doubts"]), "warn" if row["doubts"] else ""),
        Words(row["note"] or ""),
    ]


def _reason(row: Mapping[str, Any]) -> list[Words]:
    first, last = row["first_died_at"], row["last_died_at"]
    return [
        Words(str(row["updates"]), "bad"),
        Words(row["reason"]),
        Words(moment_text(first), "faint", short=short_moment(first)),
        Words(moment_text(last), "faint", short=short_moment(last)),
    ]


def _of_reason(reason: str, updates: int) -> Line:
    return line(f"{updates} dead: {reason}", indent=2)
