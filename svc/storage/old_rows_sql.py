"""Forgetting old rows of tables to which rows are only added, a few at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from svc.storage.database import Database

ACTIONS_KEPT_FOR = 366 * 86400.0
"""Seconds for which it is kept what operators have done."""

# A row says when its statement began, and is there once that has been committed: much less than this later.
LATE = timedelta(seconds=10)


def prune_statement(table: str, since: str) -> str:
    """Deletes up to $3 rows of the bot $1 that are older than $2 seconds by their column `since`, the oldest first, and
    says when the youngest of them was written. None is older than $4.

    A few at a time, so that no statement holds up others. By their place on disk, which nobody changes: these rows are
    written once. The commit waits for no disk: what a crash brings back is forgotten again.
    """
    return f"""
WITH gone AS (
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table}
        WHERE bot_id = $1 AND {since} >= $4 AND {since} < now() - make_interval(secs => $2)
        ORDER BY {since} LIMIT $3))
    RETURNING {since} AS since
)
SELECT count(*)::int AS count, max(since) AS youngest, set_config('synchronous_commit', 'off', true) FROM gone
"""


PRUNE_PAYLOADS = prune_statement("kept_payloads", "decided_at")
PRUNE_ACTIONS = prune_statement("operator_actions", "at")


class OldRows:
    """The rows of one table and one bot that become too old, by its `prune_statement`.

    It remembers up to where it has forgotten. The index leads to the rows that are gone as well until the server
    vacuums the table, which it does when a fifth of it is gone: after half a million the way past them took a hundred
    times as long as the next batch itself.
    """

    def __init__(self, database: Database, bot_id: int, statement: str) -> None:
        self._database = database
        self._bot_id = bot_id
        self._statement = statement
        self._from = datetime.min.replace(tzinfo=UTC)

    async def forget(self, age: float, limit: int) -> int:
        """Forget up to `limit` that are older than `age` seconds; how many. Raises DatabaseUnavailable."""
        (row,) = await self._database.fetch(self._statement, self._bot_id, age, limit, self._from)
        count: int = row["count"]
        if count:
            self._from = row["youngest"] - LATE
        return count
