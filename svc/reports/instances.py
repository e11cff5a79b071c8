"""The instances that live, for `svc status`: what each says of itself, and how long ago it said so."""

from __future__ import annotations

from typing import Any

from svc.storage.database import Database

# One that was stopped or cut off is told of for so many seconds, with when it was last heard of.
SHOWN_FOR = 60.0
MOST_SHOWN = 100

LIVE = """
SELECT instance_id, state, state_at, started_at, epochs, reaches, reach_error,
       extract(epoch FROM now() - state_at)::float8 AS state_seconds,
       extract(epoch FROM now() - seen_at)::float8 AS heard_seconds,
       extract(epoch FROM now() - reach_at)::float8 AS reach_seconds
FROM instances
WHERE bot_id = $1 AND seen_at > now() - make_interval(secs => $2)
ORDER BY started_at, instance_id LIMIT $3
"""


async def live_instances(database: Database, bot_id: int) -> list[dict[str, Any]]:
    """Those that were heard of within SHOWN_FOR, the oldest process first, with times in ISO 8601 and ages in seconds.

    `reaches` is whether it gets through to the Bot API as of `reach_seconds` ago, None while it does not know.
    """
    rows = await database.fetch(LIVE, bot_id, SHOWN_FOR, MOST_SHOWN)
    return [
        {
            "instance": row["instance_id"],
            "state": row["state"],
            "since": row["state_at"].isoformat(),
            "state_seconds": round(row["state_seconds"], 1),
            "started": row["started_at"].isoformat(),
            "epochs": row["epochs"],
            "reaches": row["reaches"],
            "reach_error": row["reach_error"],
            "reach_seconds": None if row["reach_seconds"] is None else round(row["reach_seconds"], 1),
            "heard_seconds": round(row["heard_seconds"], 1),
        }
        for row in rows
    ]
