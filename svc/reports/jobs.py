"""How many jobs of each provider are in which state."""

from __future__ import annotations

from svc.reports.readings import COUNTED, ENDED_WITHIN, JOBS
from svc.reports.views import JobsView
from svc.storage.database import Database


async def count_jobs(database: Database, bot_id: int) -> list[JobsView]:
    """All that go on, and those that have ended in the last 24 hours. Raises DatabaseUnavailable."""
    rows = await database.fetch(JOBS, bot_id, COUNTED, ENDED_WITHIN)
    return sorted(
        (JobsView(row["provider"], row["state"], row["jobs"]) for row in rows),
        key=lambda view: (view.provider, view.state),
    )
