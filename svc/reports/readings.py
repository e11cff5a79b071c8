"""What the ACTIVE instance reads every few seconds for the metrics and the ops page: what waits, is dead, is created.

One statement after the other, over one connection, and cheap whatever the tables hold: the engine works on the same
database.
"""

from __future__ import annotations

import time
from collections import defaultdict

from svc.observability.metrics import Readings
from svc.reports.status import DEAD, IN_DOUBT, WAITING, exact_or_estimate
from svc.storage.database import Database

COUNTED = 10_000
"""Counts of updates are exact up to here, and estimates beyond; of jobs no more are counted."""
ENDED_WITHIN = 24 * 3600.0

# Those that are under way by an index of their ids, those that are over by one of their ends. A job that is ready has a
# row in the inbox, with its id below 0, until its person has it.
JOBS = """
SELECT provider, state, count(*) AS jobs FROM (
    (SELECT provider, state FROM jobs
     WHERE bot_id = $1 AND state IN ('wanted', 'submitting', 'running') ORDER BY job_id LIMIT $2)
    UNION ALL
    (SELECT j.provider, j.state FROM inbox i JOIN jobs j ON j.bot_id = i.bot_id AND j.job_id = -i.update_id
     WHERE i.bot_id = $1 AND i.update_id < 0 AND j.state = 'ready' ORDER BY i.update_id LIMIT $2)
    UNION ALL
    (SELECT provider, state FROM jobs
     WHERE bot_id = $1 AND state IN ('delivered', 'failed', 'cancelled', 'unknown')
       AND ended_at > now() - make_interval(secs => $3) ORDER BY ended_at DESC LIMIT $2)
) AS found GROUP BY provider, state
"""


async def take_readings(database: Database, bot_id: int, *, counted: int = COUNTED) -> Readings:
    """Read it all once; raises DatabaseUnavailable, also where one of the answers did not come in time."""
    (waiting,) = await database.fetch(WAITING, bot_id, counted)
    (dead,) = await database.fetch(DEAD, bot_id, counted)
    (in_doubt,) = await database.fetch(IN_DOUBT, bot_id)
    return Readings(
        at=time.time(),
        inbox=await exact_or_estimate(database, "inbox", bot_id, waiting, counted) or 0,
        oldest_seconds=waiting["oldest_seconds"],
        dead=await exact_or_estimate(database, "dead_updates", bot_id, dead, counted) or 0,
        in_doubt=in_doubt["found"],
        looked_for=in_doubt["looked_for"],
        jobs=await _jobs(database, bot_id, counted),
    )


async def _jobs(database: Database, bot_id: int, counted: int) -> dict[str, dict[str, int]]:
    jobs: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in await database.fetch(JOBS, bot_id, counted, ENDED_WITHIN):
        jobs[row["provider"]][row["state"]] = row["jobs"]
    return jobs
