"""Dead updates that fit a filter: the latest of them, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from svc.storage.database import Database

MOST = 100
LOOKED_AT = 20_000
"""The latest so many are looked at."""

# By the index dead_updates_died_at. The conditions are those of svc/actions/replay.py.
_FITS = """($3::text IS NULL OR position(lower($3) IN lower(reason)) > 0)
  AND ($4::float8 IS NULL OR received_at < now() - make_interval(secs => $4))
  AND ($5::float8 IS NULL OR received_at > now() - make_interval(secs => $5))"""
DEAD = f"""
SELECT update_id, chat_id, update_type, reason, received_at, died_at, attempts, doubts, payload
FROM (SELECT * FROM dead_updates WHERE bot_id = $1 ORDER BY died_at DESC LIMIT $2) AS latest
WHERE {_FITS} ORDER BY died_at DESC LIMIT {MOST}
"""
DEAD_COUNT = f"""
SELECT count(*) AS looked_at, count(*) FILTER (WHERE {_FITS}) AS fitting
FROM (SELECT reason, received_at FROM dead_updates WHERE bot_id = $1 ORDER BY died_at DESC LIMIT $2) AS latest
"""


@dataclass(frozen=True)
class Dead:
    """The latest MOST that fit, as rows, and how many fit of those that were looked at."""

    rows: list[dict[str, Any]]
    fitting: int
    looked_at: int


async def dead_updates(
    database: Database, bot_id: int, *, reason: str | None, older_than: float | None, younger_than: float | None
) -> Dead:
    """Those whose reason contains `reason` and that were received so many seconds ago. Raises DatabaseUnavailable."""
    which = (reason, older_than, younger_than)
    rows = await database.fetch(DEAD, bot_id, LOOKED_AT, *which)
    (counts,) = await database.fetch(DEAD_COUNT, bot_id, LOOKED_AT, *which)
    return Dead([dict(row) for row in rows], counts["fitting"], counts["looked_at"])
