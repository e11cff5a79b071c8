"""Who was in which state when, and so who led."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from svc.storage.database import Database

TRANSITIONS = """
SELECT at, instance_id, from_state, to_state, trigger, reason, epoch, held FROM state_transitions
WHERE bot_id = $1 ORDER BY at DESC, id DESC LIMIT $2
"""

# The steps into and out of ACTIVE in the last $2 seconds, $3 at most, and the last two before: a term may have begun
# long ago.
_LED = "bot_id = $1 AND 'ACTIVE' IN (from_state, to_state)"
LEADING = f"""
SELECT at, instance_id, from_state, to_state, trigger, reason, epoch, held FROM (
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

    `gap` is how long nobody had led before it, in seconds; None for the first term in the history, and where the one
    before wrote no end.
    """

    instance: str
    epoch: int | None
    start: datetime
    end: datetime | None
    ended_by: str
    gap: float | None


def leadership_terms(transitions: Sequence[dict[str, Any]]) -> list[LeadershipTerm]:
    """Who was ACTIVE when, from transitions in their order.

    An instance that was killed wrote nothing about its end: its term ends, at the latest, where the next one begins.
    """
    terms: list[LeadershipTerm] = []
    for row in transitions:
        latest = terms[-1] if terms else None
        if row["to_state"] == "ACTIVE":
            gap = (row["at"] - latest.end).total_seconds() if latest is not None and latest.end is not None else None
            if latest is not None and latest.end is None:
                terms[-1] = replace(latest, end=row["at"], ended_by="killed, or cut off: it wrote no end")
            terms.append(LeadershipTerm(row["instance_id"], row["epoch"], row["at"], None, "", gap))
        elif row["from_state"] == "ACTIVE" and latest is not None and latest.instance == row["instance_id"]:
            terms[-1] = replace(latest, end=row["at"], ended_by=row["reason"])
    return terms
