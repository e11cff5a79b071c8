"""What the page shows of one update, of one job, of the dead ones and of what was searched for: reports, masked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from svc.actions.dead_letters import Selection
from svc.handler.job import JobState
from svc.ops.masking import masked, masked_story, masked_text, shown_payload
from svc.reports.dead import dead_updates
from svc.reports.life import job_spans, update_spans
from svc.reports.search import MOST, Asked, job_row, search
from svc.reports.updates import show_update
from svc.reports.views import DeadRow, DeadView, Found, JobRow, JobView, LifeView
from svc.reports.waits import waits
from svc.storage.database import Database
from svc.storage.inbox import JOB_ENDED
from svc.storage.jobs_reading import list_jobs, show_job

LONGEST_IN_LIST = 1000
"""Characters of a payload in the table of dead updates."""

Hide = Callable[[str], str]


async def life_view(database: Database, bot_id: int, update_id: int, hide: Hide) -> LifeView | None:
    """One update's life; None if nothing is known of it. `hide` takes out the settings' own secrets."""
    row = await show_update(database, bot_id, update_id)
    if row is None:
        return None
    row = masked_story(row)
    waiting = await waits(database, bot_id, update_id) if row["ended_at"] is None else None
    names = ("update_id", "chat_id", "state", "received_by", "attempts", "doubts")
    return LifeView(
        kind=row["update_type"],
        received_at=row["received_at"].isoformat(),
        note=row["note"],
        spans=update_spans(row, waiting.began if waiting else None),
        blocked_by=waiting.blocked_by if waiting else None,
        payload=shown_payload(row["payload"], hide),
        job_id=await _job_of(database, bot_id, update_id, row["update_type"]),
        **{name: row[name] for name in names},
    )


async def _job_of(database: Database, bot_id: int, update_id: int, kind: str) -> int | None:
    """The job that an update has asked for, or whose end it tells."""
    if kind == JOB_ENDED:
        return -update_id
    return update_id if update_id > 0 and await show_job(database, bot_id, update_id) else None


async def job_view(database: Database, bot_id: int, job_id: int, hide: Hide) -> JobView | None:
    """One job's life; None if nothing is known of it."""
    job = await show_job(database, bot_id, job_id)
    if job is None:
        return None
    job = masked_story(job)
    return JobView(
        job=_job_row(job),
        task_id=job["task_id"],
        attempts=job["attempts"],
        polls=job["polls"],
        input=hide(json.dumps(masked(job["input"]), ensure_ascii=False, indent=1)),
        spans=job_spans(job),
    )


async def found_view(database: Database, bot_id: int, asked: Asked) -> Found:
    """What a search has found."""
    found = await search(database, bot_id, asked)
    updates = [replace(row, note=row.note and masked_text(row.note)) for row in found.updates]
    jobs = [replace(row, error=row.error and masked_text(row.error)) for row in found.jobs]
    return replace(found, updates=updates, jobs=jobs)


async def jobs_in(database: Database, bot_id: int, state: JobState) -> list[JobRow]:
    """The jobs in one state: what goes on by when it is looked at next, what has ended the latest first."""
    return [_job_row(job) for job in await list_jobs(database, bot_id, state, MOST)]


def _job_row(job: dict[str, Any]) -> JobRow:
    error = job["error_text"] or job["error"]
    return job_row(job | {"error": error and masked_text(error)})


async def dead_view(database: Database, bot_id: int, chosen: Selection, hide: Hide) -> DeadView:
    """The dead updates that fit."""
    found = await dead_updates(
        database, bot_id, reason=chosen.reason, older_than=chosen.older_than, younger_than=chosen.younger_than
    )
    return DeadView([_dead_row(row, hide) for row in found.rows], found.fitting, found.looked_at)


def _dead_row(row: dict[str, Any], hide: Hide) -> DeadRow:
    names = ("update_id", "chat_id", "attempts", "doubts")
    payload = row["payload"].decode("utf-8", "replace")
    return DeadRow(
        kind=row["update_type"],
        reason=masked_text(row["reason"]),
        received_at=row["received_at"].isoformat(),
        died_at=row["died_at"].isoformat(),
        payload=shown_payload(payload, hide, LONGEST_IN_LIST) or "",
        **{name: row[name] for name in names},
    )
