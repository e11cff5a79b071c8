"""Updates as operators ask for them: which are where and why, and one update's whole life.

No instance need run. Every answer costs the same whatever the tables hold.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from svc.storage.database import Connection, Database
from svc.storage.looks_sql import LOOKED_FOR, MAY_BEGIN

UpdateState = Literal["pending", "processing", "dead", "done"]

PAGE = 5000

# Each is found by an index, in its order: the condition of "processing" is that of the partial index inbox_begun. What
# an ended term has begun is in doubt, whatever its row says.
LIST: dict[UpdateState, str] = {
    "pending": """
SELECT update_id, chat_id, update_type, received_at, state, attempts, doubts, last_error AS note FROM inbox
WHERE bot_id = $1 AND state = 'pending' ORDER BY update_id LIMIT $2
""",
    "processing": """
SELECT update_id, chat_id, update_type, received_at,
       CASE WHEN state = 'processing' AND epoch < (SELECT l.epoch FROM leadership l WHERE l.bot_id = $1) THEN 'in_doubt'
            ELSE state END AS state,
       attempts, doubts, last_error AS note
FROM inbox WHERE bot_id = $1 AND state <> 'pending' ORDER BY update_id LIMIT $2
""",
    "dead": """
SELECT update_id, chat_id, update_type, received_at, 'dead' AS state, attempts, doubts, reason AS note FROM dead_updates
WHERE bot_id = $1 ORDER BY died_at DESC LIMIT $2
""",
    "done": """
SELECT update_id, chat_id, update_type, received_at, 'done' AS state, attempts, doubts, outcome AS note
FROM processed_updates WHERE bot_id = $1 ORDER BY processed_at DESC LIMIT $2
""",
}

REASONS = """
SELECT reason, count(*) AS updates, min(died_at) AS first_died_at, max(died_at) AS last_died_at
FROM (SELECT reason, died_at FROM dead_updates WHERE bot_id = $1 ORDER BY died_at DESC LIMIT $3) AS latest
GROUP BY reason ORDER BY updates DESC, reason LIMIT $2
"""
REASONS_OF = 100_000
"""The reasons are counted of so many dead updates, those that died last."""

SHOW = """
SELECT update_id, chat_id, update_type, received_at, received_by,
       CASE WHEN state = 'processing' AND epoch < (SELECT l.epoch FROM leadership l WHERE l.bot_id = $1) THEN 'in_doubt'
            ELSE state END AS state,
       attempts, doubts, last_error AS note, history, payload, available_at, NULL::timestamptz AS ended_at,
       epoch, repeatable, blamed, aged_from, LOOKED_FOR AS looked_for, MAY_BEGIN AS may_begin, looks, absent,
       CASE state WHEN 'in_doubt' THEN nullif(look_at, 'infinity') END AS look_at
FROM inbox i WHERE bot_id = $1 AND update_id = $2
UNION ALL
SELECT update_id, chat_id, update_type, received_at, received_by, 'dead', attempts, doubts, reason, history,
       payload, NULL, died_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM dead_updates WHERE bot_id = $1 AND update_id = $2
UNION ALL
SELECT update_id, chat_id, update_type, received_at, received_by, 'done', attempts, doubts, outcome, history,
       NULL, NULL, processed_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM processed_updates WHERE bot_id = $1 AND update_id = $2 AND outcome <> 'dead'
""".replace("LOOKED_FOR", LOOKED_FOR).replace("MAY_BEGIN", MAY_BEGIN)


async def list_updates(database: Database, bot_id: int, state: UpdateState, limit: int) -> list[dict[str, Any]]:
    """Updates in one state: those that are pending or processing with the oldest first, the others the latest first."""

    async def work(connection: Connection) -> list[dict[str, Any]]:
        # In pages: each has the deadline of a statement, for which a hundred thousand rows are too many.
        return [dict(row) async for row in connection.cursor(LIST[state], bot_id, limit, prefetch=PAGE)]

    return await database.transaction(work)


async def dead_reasons(
    database: Database, bot_id: int, limit: int, *, of_latest: int = REASONS_OF
) -> list[dict[str, Any]]:
    """Why updates are dead, the most frequent reason first: how many of the `of_latest`, and when they died."""
    return [dict(row) for row in await database.fetch(REASONS, bot_id, limit, of_latest)]


async def show_update(database: Database, bot_id: int, update_id: int) -> dict[str, Any] | None:
    """All that is known of one update, with its history; None if there is nothing (any more)."""
    rows = await database.fetch(SHOW, bot_id, update_id)
    if not rows:
        return None
    payload = rows[0]["payload"]
    text = None if payload is None else payload.decode("utf-8", "replace")
    return {**dict(rows[0]), "history": json.loads(rows[0]["history"]), "payload": text}
