"""Who was in which state when, and so who led."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from svc.storage.database import Database

SILENT_AFTER = 5.0
"""Seconds without a heartbeat after which the latest leader's term is taken for over."""

# `silent_since`: when the latest leader was last heard of, if that is long ago. One that is killed writes no end.
_COLUMNS = f"""
at, instance_id, from_state, to_state, trigger, reason, epoch, held, former_seen_at,
CASE WHEN to_state = 'ACTIVE' AND epoch = (SELECT l.epoch FROM leadership l WHERE l.bot_id = $1)
     THEN (SELECT max(i.seen_at) FROM instances i WHERE i.bot_id = $1 AND epoch = ANY (i.epochs)
           HAVING max(i.seen_at) < now() - make_interval(secs => {SILENT_AFTER})) END AS silent_since
"""

TRANSITIONS = f"""
SELECT {_COLUMNS} FROM state_transitions WHERE bot_id = $1 ORDER BY at DESC, id DESC LIMIT $2
"""

# The steps into and out of ACTIVE in the last $2 seconds, $3 at most, and the last two before: a term may have begun
# long ago.
_LED = "bot_id = $1 AND 'ACTIVE' IN (from_state, to_state)"
LEADING = f"""
SELECT {_COLUMNS} FROM (
    (SELECT * FROM state_transitions WHERE {_LED} AND at >= now() - make_interval(secs => $2)
     ORDER BY at DESC, id DESC LIMIT $3)
    UNION ALL
    (SELECT * FROM state_transitions WHERE {_LED} AND at < now() - make_interval(secs => $2)
     ORDER BY at DESC, id DESC LIMIT 2)
) AS led ORDER BY at, id
"""
MOST_LEADING = 2000


async def transitions(database: Database, bot_id: int, limit: int) -> list[dict[str, Any]]:
    """The latest transitions of all instances, oldest first."""
    return [dict(row) for row in reversed(await database.fetch(TRANSITIONS, bot_id, limit))]


async def leading_transitions(database: Database, bot_id: int, seconds: float) -> list[dict[str, Any]]:
    """What tells who led in the last so many seconds, oldest first; the latest MOST_LEADING of it."""
    return [dict(row) for row in await database.fetch(LEADING, bot_id, seconds, MOST_LEADING)]


@dataclass(frozen=True)
class LeadershipTerm:
    """Which instance led from when until when (None: it still does, as far as the history says), and how that ended.

    `gap` is how long nobody had led before it, in seconds; None for the first term in the history, and where it is not
    known when the one before ended.
    """

    instance: str
    epoch: int | None
    start: datetime
    end: datetime | None
    ended_by: str
    gap: float | None


def leadership_terms(transitions: Sequence[dict[str, Any]]) -> list[LeadershipTerm]:
    """Who was ACTIVE when, from transitions in their order.

    An instance that was killed wrote nothing about its end: its term ends when it was last heard of, and if that is not
    known, where the next one begins.
    """
    terms: list[LeadershipTerm] = []
    silent_since: datetime | None = None
    for row in transitions:
        latest = terms[-1] if terms else None
        if row["to_state"] == "ACTIVE":
            gap = None
            if latest is not None:
                terms[-1], gap = _succeeded(latest, row["at"], row.get("former_seen_at"))
            terms.append(LeadershipTerm(row["instance_id"], row["epoch"], row["at"], None, "", gap))
            silent_since = row.get("silent_since")
        elif row["from_state"] == "ACTIVE" and latest is not None and latest.instance == row["instance_id"]:
            terms[-1] = replace(latest, end=row["at"], ended_by=row["reason"])
    if silent_since is not None and terms[-1].end is None:
        terms[-1] = _cut_short(terms[-1], silent_since)
    return terms


def _succeeded(
    term: LeadershipTerm, next_start: datetime, seen_at: datetime | None
) -> tuple[LeadershipTerm, float | None]:
    """A term whose end is known at the latest by the next one's start, and the gap between the two, if it is known."""
    if term.end is not None:
        return term, (next_start - term.end).total_seconds()
    if seen_at is None:
        return _cut_short(term, next_start), None
    ended = _cut_short(term, min(seen_at, next_start))  # clocks of machines may differ
    return ended, (next_start - (ended.end or next_start)).total_seconds()


def _cut_short(term: LeadershipTerm, end: datetime) -> LeadershipTerm:
    """The term of an instance that wrote no end."""
    return replace(term, end=max(term.start, end), ended_by="killed, or cut off: it wrote no end")
