"""A row of jobs, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import trio

from svc.handler.job import Job, JobRequest
from svc.storage.inbox import Received
from svc.storage.storable import storable_json

EPOCH = 1_700_000_000.0
"""The Unix time at which Trio's clock is 0."""


def unix_time() -> float:
    """The time of day: what handlers are told is Unix time, and passes as Trio's."""
    return EPOCH + trio.current_time()


@dataclass
class JobRow:
    """One row of jobs. Times are Trio's, but for those of `job`, which are Unix times."""

    job: Job
    secret: str
    deadline: float
    due: float
    epoch: int | None = None
    token: int | None = None
    attempts: int = 0
    task_id: str | None = None
    hint: str | None = None
    called: bool = False
    polls: int = 0
    history: list[str] = field(default_factory=list)
    """The events of its life."""

    def set(self, event: str, **changes: object) -> None:
        """Change what handlers see of it, and note the event."""
        self.job = msgspec.structs.replace(self.job, **changes)
        self.history.append(event)

    def pass_time(self, seconds: float) -> None:
        """Let everything have happened so many seconds earlier."""
        job = self.job
        self.due -= seconds
        self.deadline -= seconds
        self.job = msgspec.structs.replace(
            job,
            created_at=job.created_at - seconds,
            submitted_at=None if job.submitted_at is None else job.submitted_at - seconds,
            ended_at=None if job.ended_at is None else job.ended_at - seconds,
        )

    def put_off(self, delay: float) -> None:
        """It is due in `delay` seconds, or at its deadline."""
        now = trio.current_time()
        self.due = min(now + delay, self.deadline) if self.deadline > now else now + delay


def asked_for(update: Received, request: JobRequest, secret: str, sent_id: int | None) -> JobRow:
    """The row of a job that was asked for by `update`, for which the message `sent_id` was sent."""
    now = trio.current_time()
    clean = msgspec.json.decode(storable_json(request), type=JobRequest)
    job = Job(
        update.update_id,
        update.chat_id,
        clean.user_id,
        clean.provider,
        clean.model,
        clean.input,
        clean.context,
        "wanted",
        created_at=unix_time(),
        status_message_id=clean.status_message_id if sent_id is None else sent_id,
    )
    return JobRow(job, secret, now + clean.seconds, now, history=["asked"])
