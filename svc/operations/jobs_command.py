"""`svc jobs`: which jobs there are, the life of one, and ending one that is not made yet. No instance need run."""

from __future__ import annotations

from svc.actions.jobs import cancel_job
from svc.actions.record import Operator
from svc.handler.job import JobState
from svc.operations.inspect import with_schema
from svc.operations.printing.document import line
from svc.operations.printing.output import answer
from svc.operations.texts.jobs import job_document, jobs_document
from svc.settings.environment import Settings
from svc.storage.database import Database
from svc.storage.jobs_reading import list_jobs, show_job


async def print_jobs(settings: Settings, *, state: JobState | None, as_json: bool, limit: int) -> bool:
    """Print the jobs in one state, or the latest of all."""

    async def work(database: Database) -> bool:
        rows = await list_jobs(database, settings.bot_id, state, limit)
        nothing = [line(f"no job is {state}" if state is not None else "there are no jobs")]
        answer(rows, lambda jobs: jobs_document(jobs) if jobs else nothing, as_json=as_json, hide=settings.hide)
        return True

    return await with_schema(settings, work)


async def print_job(settings: Settings, *, job_id: int, as_json: bool) -> bool:
    """Explain one job's life; False if nothing is known of it."""

    async def work(database: Database) -> bool:
        job = await show_job(database, settings.bot_id, job_id)
        if job is None:
            print(f"nothing is known of job {job_id}")
            return False
        answer(job, job_document, as_json=as_json, hide=settings.hide)
        return True

    return await with_schema(settings, work)


async def end_job(settings: Settings, operator: Operator, *, job_id: int, as_json: bool) -> bool:
    """End a job that is not made yet, and have its person told; False if there is none such."""

    async def work(database: Database) -> bool:
        ended = await cancel_job(database, settings.bot_id, operator, job_id)
        text = f"job {job_id} is cancelled" if ended else f"job {job_id} is over, made already, or not known"
        answer({"job_id": job_id, "cancelled": ended}, lambda _: [line(text)], as_json=as_json)
        return ended

    return await with_schema(settings, work)
