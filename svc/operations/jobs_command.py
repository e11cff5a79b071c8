"""`svc jobs`: which jobs there are, the life of one, and ending one that is not made yet. No instance need run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from svc.actions.jobs import cancel_job
from svc.actions.record import operator_here
from svc.handler.job import JobState
from svc.operations.inspect import with_schema
from svc.operations.inspect_text import json_text, moment_text
from svc.settings.environment import Settings
from svc.storage.database import Database
from svc.storage.jobs_reading import list_jobs, show_job

_MOMENTS = (
    ("created_at", "asked for"),
    ("submitted_at", "handed in"),
    ("ready_at", "made"),
    ("ended_at", "over"),
)


async def print_jobs(settings: Settings, *, state: JobState | None, as_json: bool, limit: int) -> bool:
    """Print the jobs in one state, or the latest of all."""

    async def answer(database: Database) -> bool:
        rows = await list_jobs(database, settings.bot_id, state, limit)
        print(settings.hide(json_text(rows) if as_json else jobs_text(rows) or _nothing(state)))
        return True

    return await with_schema(settings, answer)


async def print_job(settings: Settings, *, job_id: int, as_json: bool) -> bool:
    """Explain one job's life; False if nothing is known of it."""

    async def answer(database: Database) -> bool:
        job = await show_job(database, settings.bot_id, job_id)
        if job is None:
            print(f"nothing is known of job {job_id}")
            return False
        print(settings.hide(json_text(job) if as_json else job_text(job)))
        return True

    return await with_schema(settings, answer)


async def end_job(settings: Settings, *, job_id: int, as_json: bool) -> bool:
    """End a job that is not made yet, and have its person told; False if there is none such."""

    async def answer(database: Database) -> bool:
        ended = await cancel_job(database, settings.bot_id, operator_here(), job_id)
        text = f"job {job_id} is cancelled" if ended else f"job {job_id} is over, made already, or not known"
        print(json_text({"job_id": job_id, "cancelled": ended}) if as_json else text)
        return ended

    return await with_schema(settings, answer)


def jobs_text(jobs: list[dict[str, Any]]) -> str:
    """One job a line."""
    return "\n".join(
        f"{job['job_id']} {job['state']} {job['model']} chat={job['chat_id']} asked={moment_text(job['created_at'])}"
        + (f" task={job['task_id']}" if job["task_id"] else "")
        + (f" {_why(job)}" if job["error"] or job["error_text"] else "")
        for job in jobs
    )


def job_text(job: dict[str, Any]) -> str:
    """What is known of one job: what it is, when what happened, and what it has made."""
    return "\n".join(_lines(job))


def _lines(job: dict[str, Any]) -> Iterator[str]:
    yield f"job {job['job_id']}: {job['state']}" + (f", {_why(job)}" if job["error"] or job["error_text"] else "")
    yield f"  {job['model']} of {job['provider']} for user {job['user_id']} in chat {job['chat_id']}"
    yield f"  input: {json_text(job['input'])}"
    for name, text in _MOMENTS:
        if job[name] is not None:
            yield f"  {text} {moment_text(job[name])}"
    if job["task_id"] or job["hint"]:
        yield f"  task {job['task_id'] or 'not known'}" + (f", a callback named {job['hint']}" if job["hint"] else "")
    yield f"  handed in {job['attempts']} times, asked for {job['polls']} times"
    for result in job["results"]:
        yield f"  result: {result['kind']} {result['name']} {result['url']}"
    if job["sent_id"] is not None:
        yield f"  delivered as message {job['sent_id']}"
    yield "history:"
    for entry in job["history"]:
        more = " ".join(f"{name}={value}" for name, value in entry.items() if name not in ("at", "event"))
        yield f"  {moment_text(datetime.fromisoformat(entry['at']))} {entry['event']} {more}".rstrip()


def _why(job: dict[str, Any]) -> str:
    return ": ".join(" ".join(text.split()) for text in (job["error"], job["error_text"]) if text)


def _nothing(state: JobState | None) -> str:
    return f"no job is {state}" if state is not None else "there are no jobs"
