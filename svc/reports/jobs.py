"""How many jobs of each provider are in which state."""

from __future__ import annotations

from svc.reports.views import JobsView
from svc.storage.database import Database

COUNTED = 100_000
"""So many of those that go on are counted at most, and of those that have ended."""

# By the partial indexes jobs_live and jobs_ended. What is ready waits in the inbox to be told, under its number below
# zero.
COUNTS = """
SELECT provider, state, count(*) AS jobs FROM (
    (SELECT provider, state FROM jobs
     WHERE bot_id = $1 AND state IN ('wanted', 'submitting', 'running') LIMIT $2)
    UNION ALL
    (SELECT j.provider, j.state FROM inbox i JOIN jobs j ON j.bot_id = i.bot_id AND j.job_id = -i.update_id
     WHERE i.bot_id = $1 AND i.update_id < 0 AND j.state = 'ready' LIMIT $2)
    UNION ALL
    (SELECT provider, state FROM jobs
     WHERE bot_id = $1 AND state IN ('delivered', 'failed', 'cancelled', 'unknown')
       AND ended_at > now() - interval '24 hours' LIMIT $2)
) AS counted GROUP BY provider, state ORDER BY provider, state
"""


async def count_jobs(database: Database, bot_id: int) -> list[JobsView]:
    """All that go on, and those that have ended in the last 24 hours."""
    rows = await database.fetch(COUNTS, bot_id, COUNTED)
    return [JobsView(row["provider"], row["state"], row["jobs"]) for row in rows]
