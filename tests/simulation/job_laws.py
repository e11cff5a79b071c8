"""The laws of jobs, at the end of a run and in the middle of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from providers.provider import Made
from svc.handler.job import ENDED
from svc.storage.inbox import JOB_ENDED
from svc.storage.jobs import ended_id
from tests.memory.inbox import MemoryInbox
from tests.memory.job_rows import JobRow
from tests.simulation.bot import JOB_SECONDS
from tests.simulation.doubts import Violation
from tests.simulation.judgement import Message
from tests.simulation.provider import SimulatedProvider

# Over the deadline: a last look at the provider, a result that is fetched, an outage in which nobody could look.
PATIENCE = 250.0


def check_lane(inbox: MemoryInbox, update_id: int) -> None:
    """A message for this row reaches Telegram: beside one that tells of a job, nothing of its chat is under way.

    A row that is gone has been given up, and its message comes late.
    """
    row = inbox.rows.get(update_id)
    if row is None:
        return
    beside = [
        other.update
        for other in inbox.rows.values()
        if other is not row and other.update.chat_id == row.update.chat_id and other.state != "pending"
    ]
    for other in beside:
        if JOB_ENDED in (row.update.kind, other.kind):
            raise Violation(f"J5: update {update_id} is sent while update {other.update_id} of its chat is under way")


def unfinished(jobs: Mapping[int, JobRow]) -> list[int]:
    """The jobs that have not ended."""
    return [job_id for job_id, row in jobs.items() if row.job.state not in ENDED]


def judge_jobs(
    inbox: MemoryInbox,
    provider: SimulatedProvider,
    asked: Collection[int],
    messages: Sequence[Message],
    *,
    interrupted: bool,
) -> None:
    """Raise Violation for a job that breaks a law at the end of a run. `asked` are the updates that wanted one.

    `interrupted`: something has happened by which an instance could not create what it had begun to, or not record it.
    """
    for update_id in asked:
        processed = inbox.processed.get(update_id)
        if processed is not None and processed.outcome == "done" and update_id not in inbox.jobs:
            raise Violation(f"J1: update {update_id} is done, and its job is lost")
    for job_id, row in inbox.jobs.items():
        _judge_one(inbox, provider, job_id, row, interrupted=interrupted)
        _told_after_its_promise(inbox, job_id, messages)


def _judge_one(inbox: MemoryInbox, provider: SimulatedProvider, job_id: int, row: JobRow, *, interrupted: bool) -> None:
    job, created = row.job, provider.created[job_id]
    if created > 1:
        raise Violation(f"J2: job {job_id} was created {created} times")
    if job.state == "unknown" and not provider.unheard[job_id] and not interrupted:
        raise Violation(f"J3: job {job_id} is unknown, and no create's answer was lost")
    if ended_id(job_id) not in inbox.processed and job.state != "cancelled":
        raise Violation(f"J4: job {job_id} is {job.state}, and nobody was told")
    if job.ended_at is None or job.ended_at - job.created_at > JOB_SECONDS + PATIENCE:
        raise Violation(f"J6: job {job_id} ended long after its deadline")
    task = provider.tasks.get(row.task_id) if row.task_id is not None else None
    if task is not None and task.job_id != job_id:
        raise Violation(f"J7: job {job_id} follows the task of job {task.job_id}")
    if job.state == "delivered" and (task is None or not isinstance(task.outcome, Made)):
        raise Violation(f"J7: job {job_id} is delivered, and was not made")


def _told_after_its_promise(inbox: MemoryInbox, job_id: int, messages: Sequence[Message]) -> None:
    """Of a promise that came when its update had been finished nobody knew, or it was given up."""
    finished = inbox.processed[job_id].at
    promised = [message.at for message in messages if message.update_id == job_id and message.at <= finished]
    told = [message.at for message in messages if message.update_id == ended_id(job_id)]
    if promised and told and min(told) < min(promised):
        raise Violation(f"J5: the end of job {job_id} was told before it was promised")
