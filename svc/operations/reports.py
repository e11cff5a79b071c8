"""What the commands ask the database: who led when, what waits, and an update's whole life. No instance need run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from svc.storage.database import Connection, Database
from svc.storage.keys import NEW_WORK_CHANNEL

UpdateState = Literal["pending", "processing", "dead", "done"]

STATUS = """
SELECT l.epoch, l.instance_id, l.acquired_at,
       extract(epoch FROM now() - l.acquired_at)::float8 AS for_seconds,
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                 AND ((classid::bigint << 32) | objid::bigint) = $2) AS held,
       (SELECT count(*) FROM inbox WHERE bot_id = $1) AS waiting,
       (SELECT count(*) FROM inbox WHERE bot_id = $1 AND state = 'in_doubt') AS in_doubt,
       (SELECT extract(epoch FROM now() - min(received_at))::float8 FROM inbox WHERE bot_id = $1) AS oldest_seconds,
       (SELECT count(*) FROM dead_updates WHERE bot_id = $1) AS dead
FROM (VALUES (1)) AS one (row) LEFT JOIN leadership l ON l.bot_id = $1
"""

TRANSITIONS = """
SELECT at, instance_id, from_state, to_state, trigger, reason, epoch, held FROM state_transitions
WHERE bot_id = $1 ORDER BY at DESC, id DESC LIMIT $2
"""

LIST_INBOX = """
SELECT update_id, chat_id, update_type, received_at, state, attempts, doubts, last_error AS note FROM inbox
WHERE bot_id = $1 AND state = ANY ($3::text[]) ORDER BY received_at, update_id LIMIT $2
"""
LIST_DEAD = """
SELECT update_id, chat_id, update_type, received_at, 'dead' AS state, attempts, doubts, reason AS note FROM dead_updates
WHERE bot_id = $1 ORDER BY died_at DESC LIMIT $2
"""
LIST_DONE = """
SELECT update_id, chat_id, update_type, received_at, 'done' AS state, attempts, doubts, outcome AS note
FROM processed_updates WHERE bot_id = $1 ORDER BY processed_at DESC LIMIT $2
"""

SHOW = """
SELECT update_id, chat_id, update_type, received_at, received_by, state, attempts, doubts, last_error AS note, history,
       payload, available_at, NULL::timestamptz AS ended_at
FROM inbox WHERE bot_id = $1 AND update_id = $2
UNION ALL
SELECT update_id, chat_id, update_type, received_at, received_by, 'dead', attempts, doubts, reason, history,
       payload, NULL, died_at
FROM dead_updates WHERE bot_id = $1 AND update_id = $2
UNION ALL
SELECT update_id, chat_id, update_type, received_at, received_by, 'done', attempts, doubts, outcome, history,
       NULL, NULL, processed_at
FROM processed_updates WHERE bot_id = $1 AND update_id = $2 AND outcome <> 'dead'
"""

# Back to the inbox as if it had just come, but with its history. Its dedup row is deleted in the same transaction.
REPLAY = """
WITH dead AS (
    DELETE FROM dead_updates WHERE bot_id = $1 AND update_id = $2 RETURNING *
), forgotten AS (
    DELETE FROM processed_updates p USING dead WHERE p.bot_id = dead.bot_id AND p.update_id = dead.update_id
)
INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_at, received_by, doubts, history)
SELECT bot_id, update_id, chat_id, update_type, payload, received_at, received_by, doubts,
       history || jsonb_build_object('at', now(), 'event', 'replay')
FROM dead
RETURNING update_id
"""


async def status(database: Database, bot_id: int, lock_key: int) -> dict[str, Any]:
    """Who is ACTIVE, since when and in which epoch, and what waits."""
    (row,) = await database.fetch(STATUS, bot_id, lock_key)
    active = bool(row["held"] and row["instance_id"])
    return {
        "active": row["instance_id"] if active else None,
        "since": row["acquired_at"].isoformat() if active else None,
        "active_seconds": round(row["for_seconds"], 1) if active else None,
        "epoch": row["epoch"],
        "last_active": row["instance_id"],
        "inbox": row["waiting"],
        "oldest_seconds": None if row["oldest_seconds"] is None else round(row["oldest_seconds"], 1),
        "in_doubt": row["in_doubt"],
        "dead": row["dead"],
    }


async def transitions(database: Database, bot_id: int, limit: int) -> list[dict[str, Any]]:
    """The latest transitions of all instances, oldest first."""
    return [dict(row) for row in reversed(await database.fetch(TRANSITIONS, bot_id, limit))]


@dataclass(frozen=True)
class LeadershipTerm:
    """Which instance led from when until when (None: it still does, as far as the history says), and how that ended.

    `gap` is how long nobody had led before it, in seconds; None for the first term in the history.
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
            if latest is not None and latest.end is None:
                latest = terms[-1] = replace(latest, end=row["at"], ended_by="killed, or cut off: it wrote no end")
            gap = (row["at"] - latest.end).total_seconds() if latest is not None and latest.end is not None else None
            terms.append(LeadershipTerm(row["instance_id"], row["epoch"], row["at"], None, "", gap))
        elif row["from_state"] == "ACTIVE" and latest is not None and latest.instance == row["instance_id"]:
            terms[-1] = replace(latest, end=row["at"], ended_by=row["reason"])
    return terms


async def list_updates(database: Database, bot_id: int, state: UpdateState, limit: int) -> list[dict[str, Any]]:
    """Updates in one state: those that are pending or processing with the oldest first, the others the latest first."""
    match state:
        case "pending":
            rows = await database.fetch(LIST_INBOX, bot_id, limit, ["pending"])
        case "processing":
            rows = await database.fetch(LIST_INBOX, bot_id, limit, ["processing", "in_doubt"])
        case "dead":
            rows = await database.fetch(LIST_DEAD, bot_id, limit)
        case "done":
            rows = await database.fetch(LIST_DONE, bot_id, limit)
    return [dict(row) for row in rows]


async def show_update(database: Database, bot_id: int, update_id: int) -> dict[str, Any] | None:
    """All that is known of one update, with its history; None if there is nothing (any more)."""
    rows = await database.fetch(SHOW, bot_id, update_id)
    if not rows:
        return None
    payload = rows[0]["payload"]
    text = None if payload is None else payload.decode("utf-8", "replace")
    return {**dict(rows[0]), "history": json.loads(rows[0]["history"]), "payload": text}


async def replay_update(database: Database, bot_id: int, update_id: int) -> bool:
    """Put a dead update back into the inbox and tell whoever leads; False if there is no such dead update."""

    async def work(connection: Connection) -> bool:
        replayed = await connection.fetchval(REPLAY, bot_id, update_id)
        if replayed is not None:
            await connection.execute("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, str(bot_id))
        return replayed is not None

    return await database.transaction(work)
