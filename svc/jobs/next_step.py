"""What is to be done about a job, as pure functions of what is known of it.

One rule stands above all: a create that may have been done is never made again. So a job is handed in only while it is
wanted, which it is again only where the create before was certainly not done. What is in doubt waits for a callback,
which names a task; the provider's record of that task says whether it is this job's.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

from providers.provider import Going, Made, NotMade, NotSent, RefusalKind, Refused, Task
from svc.callback_url import names_job
from svc.handler.job import JobError
from svc.storage.jobs import LOST_AFTER, DueJob, Failed, JobEnding, PutOff, Unknown
from svc.waiting import jittered

# Seconds between two questions for a task, as public clients ask: soon at first, since pictures take seconds.
ASK_PAUSES = (2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0)
# Between two looks at a job in doubt. A callback ends such a pause.
DOUBT_PAUSES = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
# Before a create that was certainly not done is made again.
SHORTEST_PUT_OFF = 1.0
FIRST_PUT_OFF = 2.0
LONGEST_PUT_OFF = 30.0
MAINTENANCE = 30.0
# A provider that does not answer at a job's deadline is asked for so many seconds more; so is the server of a result.
LAST_QUESTIONS = 60.0
# How long a result is tried for whose address does not answer.
RESULT_PATIENCE = 120.0
RESULT_AGAIN_AFTER = 5.0

JOB_ERRORS: dict[RefusalKind, JobError] = {
    "input": "input",
    "credits": "credits",
    "busy": "busy",
    "maintenance": "maintenance",
    "unauthorized": "not_set_up",
    "failed": "failed",
}
"""What a person is told where the provider has refused, or has not made it."""


@dataclass(frozen=True, slots=True)
class HandIn:
    """Have it created."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for its task."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Ask whether this task, which a callback has named, is the job's."""

    task_id: str


@dataclass(frozen=True, slots=True)
class LookLater:
    """Nothing for now; look again in `delay` seconds. `progress` is from 0 to 1, if the provider has told it."""

    delay: float
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Identify:
    """It is certainly this task."""

    task_id: str


@dataclass(frozen=True, slots=True)
class FetchResults:
    """It is made: see what is at these addresses."""

    urls: tuple[str, ...]


def next_step(due: DueJob, providers: Collection[str]) -> HandIn | Ask | Verify | LookLater | JobEnding:
    """What to do about a job that is due; `providers` are those that are set up here."""
    is_here = due.job.provider in providers
    match due.job.state:
        case "wanted" if due.left <= 0 and due.paused:
            return Failed("paused")
        case "wanted" if due.left <= 0:
            return Failed("busy" if due.attempts else "too_slow", due.job.error_text or "")
        case "wanted":
            return HandIn() if is_here else Failed("not_set_up")
        case "running" if is_here and due.task_id is not None:
            return Ask(due.task_id)
        case "submitting" if due.hint is not None and is_here:
            return Verify(due.hint)
    return later_or_over(due)


def later_or_over(due: DueJob) -> LookLater | JobEnding:
    """After a look that has told nothing: another one later, or the end where there was time enough."""
    if due.job.state == "running":
        return Failed("too_slow") if due.left <= -LAST_QUESTIONS else LookLater(ask_pause(due.polls))
    # A task that a callback has named is asked for a little longer.
    patience = LAST_QUESTIONS if due.hint is not None else 0.0
    if due.left <= -patience or due.submitted_ago > LOST_AFTER + patience:
        return Unknown("no callback has come, and nothing else tells whether it was created")
    return LookLater(_of(DOUBT_PAUSES, due.polls))


def after_verifying(due: DueJob, task: Task | None) -> Identify | LookLater | JobEnding:
    """What the record says of a task that a callback has named. A callback is trusted no further than that."""
    url = task.callback_url if task is not None else None
    if task is not None and url is not None and names_job(url, due.job.provider, due.job.job_id, due.secret):
        return Identify(task.task_id)
    return later_or_over(due)


def after_asking(due: DueJob, task: Task | None) -> FetchResults | LookLater | JobEnding:
    """What follows from the provider's answer about a job's task; None: it does not know it, or not yet."""
    match task.outcome if task is not None else Going():
        case Made(urls):
            return FetchResults(urls) if urls else Failed("no_result")
        case NotMade(kind, text):
            return Failed(JOB_ERRORS[kind], text)
        case Going(progress):
            return Failed("too_slow") if due.left <= 0 else LookLater(ask_pause(due.polls), progress)


def after_not_creating(due: DueJob, error: Refused | NotSent, rng: random.Random) -> PutOff | Failed:
    """What follows where a create was certainly not done: another one, while there is time for it, or the end."""
    text = error.text if isinstance(error, Refused) else str(error)
    kind: RefusalKind = error.kind if isinstance(error, Refused) else "busy"
    if kind not in ("busy", "maintenance"):
        return Failed(JOB_ERRORS[kind], text)
    delay = _put_off_for(due, error, rng)
    return Failed(JOB_ERRORS[kind], text) if delay >= due.left else PutOff(delay, str(error))


def after_no_result(due: DueJob, made_for: float) -> LookLater | Failed:
    """What follows where it is made and its result cannot be had, `made_for` seconds after that was heard first."""
    if made_for >= RESULT_PATIENCE or due.left <= -LAST_QUESTIONS:
        return Failed("no_result")
    return LookLater(RESULT_AGAIN_AFTER)


def ask_pause(polls: int) -> float:
    """Seconds until a task is asked for again that was asked for so often."""
    return _of(ASK_PAUSES, polls)


def _put_off_for(due: DueJob, error: Refused | NotSent, rng: random.Random) -> float:
    if isinstance(error, Refused):
        if error.retry_after is not None:
            return max(SHORTEST_PUT_OFF, error.retry_after)
        if error.kind == "maintenance":
            return MAINTENANCE
    return jittered(min(LONGEST_PUT_OFF, FIRST_PUT_OFF * 2.0 ** min(due.attempts, 10)), rng)


def _of(pauses: tuple[float, ...], count: int) -> float:
    return pauses[min(count, len(pauses) - 1)]
