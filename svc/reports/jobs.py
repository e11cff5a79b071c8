"""How many jobs of each provider are in which state, and what jobs are made with."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from svc.reports.readings import COUNTED, ENDED_WITHIN, JOBS
from svc.reports.views import JobsView, MakerView
from svc.storage.database import Database

# By the primary key. The service knows no catalog: what there is, is what has been asked for.
MAKERS = """
SELECT provider, model, count(*) AS jobs
FROM (SELECT provider, model FROM jobs WHERE bot_id = $1 ORDER BY job_id DESC LIMIT $2) AS latest
GROUP BY provider, model ORDER BY provider, model
"""


async def count_jobs(database: Database, bot_id: int) -> list[JobsView]:
    """All that go on, and those that have ended in the last 24 hours. Raises DatabaseUnavailable."""
    rows = await database.fetch(JOBS, bot_id, COUNTED, ENDED_WITHIN)
    return sorted(
        (JobsView(row["provider"], row["state"], row["jobs"]) for row in rows),
        key=lambda view: (view.provider, view.state),
    )


async def makers(database: Database, bot_id: int, *, of_latest: int = COUNTED) -> list[MakerView]:
    """The providers and models of the latest jobs, by their names. Raises DatabaseUnavailable."""
    rows = await database.fetch(MAKERS, bot_id, of_latest)
    return [MakerView(row["provider"], row["model"], row["jobs"]) for row in rows]


def not_seen(made_with: Sequence[MakerView], scope: str, name: str) -> str:
    """What to tell somebody who names a provider or a model (`scope`) that none of the latest jobs is made with, which
    may be a slip; empty for one that is.
    """
    known = sorted({maker.provider if scope == "provider" else maker.model for maker in made_with})
    if name in known:
        return ""
    alike = [f"{each!r}" for each in get_close_matches(name, known)]
    meant = f": is it {' or '.join(alike)} that you mean?" if alike else ": look whether the name is right"
    return f"none of the latest jobs is made with the {scope} {name!r}{meant}"
