"""What is paused: by an operator, or since Telegram does not know the bot."""

from __future__ import annotations

from svc.reports.views import PauseView
from svc.storage.database import Database

BOT = "bot"
"""The scope of the pause that the service begins itself."""

# The service's own pause comes first: nothing that an operator does ends it. Where both hold, the leader has noted the
# operator's, "who: why", and its own behind it.
PAUSES = """
SELECT 'bot' AS scope, '' AS name,
       CASE WHEN l.paused_by IS NULL THEN l.paused_reason ELSE split_part(l.paused_reason, told.by_operator, 2) END
           AS reason,
       '' AS paused_by, l.paused_at, 0 AS place
FROM leadership l
    LEFT JOIN pauses s ON s.bot_id = l.bot_id AND s.scope = 'sending'
    CROSS JOIN LATERAL (SELECT coalesce(s.paused_by || ': ' || s.reason || '; ', l.paused_reason)) AS told (by_operator)
WHERE l.bot_id = $1
UNION ALL
SELECT scope, name, reason, paused_by, paused_at, CASE scope WHEN 'sending' THEN 1 ELSE 2 END FROM pauses
WHERE bot_id = $1
"""
PAUSES_NOW = f"""
SELECT scope, name, reason, paused_by, paused_at,
       extract(epoch FROM now() - paused_at)::float8 AS seconds
FROM ({PAUSES}) AS p WHERE reason <> '' ORDER BY place, paused_at, scope, name LIMIT 100
"""


async def pauses(database: Database, bot_id: int) -> list[PauseView]:
    """All that stand, 100 at most."""
    rows = await database.fetch(PAUSES_NOW, bot_id)
    return [
        PauseView(
            scope=row["scope"],
            name=row["name"],
            reason=row["reason"],
            by=row["paused_by"],
            since=row["paused_at"].isoformat(),
            seconds=round(row["seconds"], 1),
        )
        for row in rows
    ]
