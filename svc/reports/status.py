"""What `svc status` asks the database: who is ACTIVE, whether sending is paused, which instances live, and what waits.

The same cost whatever waits: counts stop at COUNTED rows, and beyond that Postgres' own estimate is given. What cannot
be found in time is not known (None), and keeps nothing else from being told: where millions of rows have just been
deleted, Postgres walks over what is left of them until it has been vacuumed.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import trio

from svc.reports.instances import live_instances
from svc.reports.updates import dead_reasons
from svc.storage.database import Database
from svc.storage.errors import DatabaseBusy
from svc.storage.looks_sql import LOOKED_FOR

COUNTED = 100_000
"""Counts are exact up to here."""
# The dead updates whose reasons are told with the status, and how many of the reasons.
REASONS_OF = 10_000
REASONS = 12

# $1 the bot, $2 its lock's key. pg_locks shows the locks of all databases of the server, and the key in two halves.
LEADER = """
SELECT l.epoch, l.instance_id, l.acquired_at, extract(epoch FROM now() - l.acquired_at)::float8 AS for_seconds,
       l.paused_reason, l.paused_at, extract(epoch FROM now() - l.paused_at)::float8 AS paused_seconds,
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                 AND ((classid::bigint << 32) | objid::bigint) = $2) AS held
FROM (VALUES (1)) AS one (row) LEFT JOIN leadership l ON l.bot_id = $1
"""

# $2 is how far to count. By the primary key, the oldest first: whatever has waited longest is among the first rows.
WAITING = """
SELECT count(*) AS found, extract(epoch FROM now() - min(received_at))::float8 AS oldest_seconds
FROM (SELECT received_at FROM inbox WHERE bot_id = $1 ORDER BY update_id LIMIT $2 + 1) AS oldest
"""
DEAD = """
SELECT count(*) AS found FROM (SELECT FROM dead_updates WHERE bot_id = $1 ORDER BY update_id LIMIT $2 + 1) AS dead
"""
# The condition on the state is that of the partial index inbox_begun.
IN_DOUBT = """
SELECT count(*) AS found, count(*) FILTER (WHERE LOOKED_FOR) AS looked_for FROM inbox i
WHERE bot_id = $1 AND state <> 'pending'
  AND (state = 'in_doubt' OR epoch < (SELECT epoch FROM leadership WHERE bot_id = $1))
""".replace("LOOKED_FOR", LOOKED_FOR)

# The planner knows the table's size, and the bot's share in it from the latest ANALYZE.
ESTIMATE = "EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE bot_id = {bot_id:d}"


async def status(database: Database, bot_id: int, lock_key: int, *, counted: int = COUNTED) -> dict[str, Any]:
    """Who is ACTIVE, since when and in which epoch, whether and why sending is paused, what lives, and what waits.

    `inbox` and `dead` are exact up to `counted`, which `inbox_exact` and `dead_exact` tell; beyond it they are
    estimates, not below `counted`. Of those `in_doubt` so many are `looked_for`; about the others the policy decides.
    None: not known, since the answer did not come in time.
    """
    (leader,) = await database.fetch(LEADER, bot_id, lock_key)
    found = await _side_by_side(database, bot_id, counted)
    waiting, in_doubt, dead = found.get("waiting"), found.get("in_doubt"), found.get("dead")
    active = bool(leader["held"] and leader["instance_id"])
    return {
        "paused": _paused(leader["paused_reason"], leader["paused_at"], leader["paused_seconds"]),
        "active": leader["instance_id"] if active else None,
        "since": leader["acquired_at"].isoformat() if active else None,
        "active_seconds": round(leader["for_seconds"], 1) if active else None,
        "epoch": leader["epoch"],
        "last_active": leader["instance_id"],
        "instances": found.get("instances"),
        "inbox": await exact_or_estimate(database, "inbox", bot_id, waiting, counted),
        "inbox_exact": waiting is not None and waiting["found"] <= counted,
        "oldest_seconds": _rounded(waiting["oldest_seconds"]) if waiting else None,
        "in_doubt": in_doubt["found"] if in_doubt else None,
        "looked_for": in_doubt["looked_for"] if in_doubt else None,
        "dead": await exact_or_estimate(database, "dead_updates", bot_id, dead, counted),
        "dead_exact": dead is not None and dead["found"] <= counted,
        "dead_reasons_of": min(dead["found"], REASONS_OF) if dead else None,
        "dead_reasons": found.get("dead_reasons", []),
    }


async def _side_by_side(database: Database, bot_id: int, counted: int) -> dict[str, Any]:
    """What each of them found; without those that did not answer in time."""
    found: dict[str, Any] = {}

    async def ask(name: str, sql: str, *args: Any) -> None:
        try:
            (found[name],) = await database.fetch(sql, bot_id, *args)
        except DatabaseBusy:
            return

    async def ask_for_reasons() -> None:
        try:
            rows = await dead_reasons(database, bot_id, REASONS, of_latest=REASONS_OF)
        except DatabaseBusy:
            return
        found["dead_reasons"] = [{"reason": row["reason"], "updates": row["updates"]} for row in rows]

    async def ask_for_instances() -> None:
        try:
            found["instances"] = await live_instances(database, bot_id)
        except DatabaseBusy:
            return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_for_instances)
        nursery.start_soon(ask, "waiting", WAITING, counted)
        nursery.start_soon(ask, "in_doubt", IN_DOUBT)
        nursery.start_soon(ask, "dead", DEAD, counted)
        nursery.start_soon(ask_for_reasons)
    return found


def _paused(reason: str | None, since: datetime | None, seconds: float | None) -> dict[str, Any] | None:
    if reason is None:
        return None
    return {"reason": reason, "since": since.isoformat() if since else None, "seconds": _rounded(seconds)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


async def exact_or_estimate(database: Database, table: str, bot_id: int, row: Any, counted: int) -> int | None:
    """What was found if that is all, or an estimate to three digits."""
    if row is None or row["found"] <= counted:
        return None if row is None else int(row["found"])
    ((plan,),) = await database.fetch(ESTIMATE.format(table=table, bot_id=bot_id))
    rows = float(json.loads(plan)[0]["Plan"]["Plan Rows"])
    return max(counted, int(float(f"{rows:.3g}")))
