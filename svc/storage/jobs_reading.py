"""Jobs for operators: which there are, the life of one, and ending one. No instance need run."""

from __future__ import annotations

import json
from typing import Any

from svc.handler.job import JobState
from svc.storage import jobs_reading_sql
from svc.storage.database import Database
from svc.storage.jobs import ended_id
from svc.storage.keys import NEW_WORK_CHANNEL, new_work_payload
from svc.storage.storable import storable

_JSON = ("input", "context", "results", "history")


async def list_jobs(database: Database, bot_id: int, state: JobState | None, limit: int) -> list[dict[str, Any]]:
    """Jobs in one state: what waits by when it is looked at next, what has ended the latest first. None: all of them,
    the latest first.
    """
    rows = await (
        database.fetch(jobs_reading_sql.ALL, bot_id, limit)
        if state is None
        else database.fetch(jobs_reading_sql.LISTS[state], bot_id, limit, state)
    )
    return [dict(row) for row in rows]


async def show_job(database: Database, bot_id: int, job_id: int) -> dict[str, Any] | None:
    """All that is known of one job, with its history; None if there is nothing (any more)."""
    rows = await database.fetch(jobs_reading_sql.SHOW, bot_id, job_id)
    if not rows:
        return None
    return {**dict(rows[0]), **{name: json.loads(rows[0][name]) for name in _JSON}}


async def cancel_job(database: Database, bot_id: int, job_id: int, why: str = "") -> bool:
    """End a job that is not made yet, have its person told, and tell whoever leads; False if there is none such.

    What the provider has of it is not called back.
    """
    told = NEW_WORK_CHANNEL, new_work_payload(bot_id, [ended_id(job_id)])
    return bool(await database.fetch(jobs_reading_sql.CANCEL, bot_id, job_id, storable(why), *told))
