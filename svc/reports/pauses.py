"""What is paused: by an operator, or since Telegram does not know the bot."""

from __future__ import annotations

from svc.reports.views import PauseView
from svc.storage.database import Database

BOT = "bot"
"""The scope of the pause that the service begins itself."""

# The service's own pause comes first: nothing that an operator does ends it.
PAUSES = """
SELECT 'bot' AS scope, '' AS name, paused_reason AS reason, '' AS paused_by, paused_at, 0 AS place FROM leadership
WHERE bot_id = $1 AND paused_reason IS NOT NULL
  AND NOT EXISTS (SELECT FROM pauses WHERE bot_id = $1 AND scope = 'sending')
UNION ALL
SELECT scope, name, reason, paused_by, paused_at, 1 FROM pauses WHERE bot_id = $1
"""
PAUSES_NOW = f"""
SELECT scope, name, reason, paused_by, paused_at, now() AS now,
       extract(epoch FROM now() - paused_at)::float8 AS seconds
FROM ({PAUSES}) AS p ORDER BY place, paused_at LIMIT 100
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
