"""What an update that is not done waits behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from svc.reports.views import BlockedBy
from svc.storage.database import Database

# What keeps an update from going on. By inbox_chat_order; `first` is the oldest row of its chat before it. The end of a
# job (an id below zero) comes before all that waits, and after what is in doubt.
BLOCKED = """
SELECT i.state, i.started_at, i.available_at, i.available_at > now() AS later,
       CASE i.state WHEN 'in_doubt' THEN nullif(i.look_at, 'infinity') END AS look_at,
       i.epoch IS DISTINCT FROM l.epoch AS ended,
       (SELECT o.update_id FROM inbox o
        WHERE o.bot_id = $1 AND o.chat_id = i.chat_id AND i.chat_id <> 0
          AND (o.update_id < i.update_id AND (o.update_id >= 0 OR i.state <> 'in_doubt')
               OR i.update_id < 0 AND o.update_id >= 0 AND o.state = 'in_doubt')
        ORDER BY o.update_id LIMIT 1) AS first,
       (SELECT p.reason FROM pauses p WHERE p.bot_id = $1 AND p.scope = 'sending') AS pause_reason,
       (SELECT p.paused_by FROM pauses p WHERE p.bot_id = $1 AND p.scope = 'sending') AS paused_by,
       CASE WHEN l.paused_by IS NULL THEN l.paused_reason END AS bot_reason
FROM inbox i LEFT JOIN leadership l ON l.bot_id = $1 WHERE i.bot_id = $1 AND i.update_id = $2
"""


@dataclass(frozen=True)
class Waits:
    """What is known of an update in the inbox besides its life: when it was begun, and what it waits behind."""

    began: datetime | None
    blocked_by: BlockedBy


async def waits(database: Database, bot_id: int, update_id: int) -> Waits | None:
    """None for one that is not in the inbox (any more)."""
    rows = await database.fetch(BLOCKED, bot_id, update_id)
    return Waits(rows[0]["started_at"], blocked_by(dict(rows[0]))) if rows else None


def blocked_by(facts: dict[str, Any]) -> BlockedBy:
    """Why an update does not go on, from a row of BLOCKED: the first reason that holds."""
    if facts["state"] == "processing" and not facts["ended"]:
        return BlockedBy("it is being answered now")
    if facts["pause_reason"] is not None:
        return BlockedBy(f"sending is paused by {facts['paused_by']}: {facts['pause_reason']}")
    if facts["bot_reason"] is not None:
        return BlockedBy(f"nothing is sent: {facts['bot_reason']}")
    if facts["first"] is not None and facts["first"] < 0:
        return BlockedBy(f"the end of job {-facts['first']} of its chat is told first", facts["first"])
    if facts["first"] is not None:
        return BlockedBy(f"update {facts['first']} of its chat comes first", facts["first"])
    if facts["state"] in ("processing", "in_doubt"):
        until = facts["look_at"]
        return BlockedBy("it is found out whether it was sent", until=until and until.isoformat())
    if facts["later"]:
        return BlockedBy("it is tried again later", until=facts["available_at"].isoformat())
    return BlockedBy("nothing: it is its turn")
