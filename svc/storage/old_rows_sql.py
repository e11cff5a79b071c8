"""Forgetting old rows of tables to which rows are only added, a few at a time."""

from __future__ import annotations

from svc.storage.database import Database

ACTIONS_KEPT_FOR = 366 * 86400.0
"""Seconds for which it is kept what operators have done."""


def prune_statement(table: str, since: str) -> str:
    """Deletes up to $3 rows of the bot $1 that are older than $2 seconds by their column `since`, the oldest first.

    A few at a time, so that no statement holds up others. By their place on disk, which nobody changes: these rows are
    written once. The commit waits for no disk: what a crash brings back is forgotten again.
    """
    return f"""
WITH gone AS (
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table}
        WHERE bot_id = $1 AND {since} < now() - make_interval(secs => $2) ORDER BY {since} LIMIT $3))
    RETURNING 1
)
SELECT count(*)::int AS count, set_config('synchronous_commit', 'off', true) FROM gone
"""


PRUNE_PAYLOADS = prune_statement("kept_payloads", "decided_at")
PRUNE_ACTIONS = prune_statement("operator_actions", "at")


async def forget_rows(database: Database, bot_id: int, statement: str, age: float, limit: int) -> int:
    """Run a `prune_statement`; returns how many rows are gone. Raises DatabaseUnavailable."""
    (row,) = await database.fetch(statement, bot_id, age, limit)
    count: int = row["count"]
    return count
