"""Jobs as rows: what the ACTIVE instance works on, and what the others may do with them.

A job is written by the settlement of the update that asked for it (`Effects`, inbox.py). From then on the ACTIVE
instance alone hands it in, follows it and has it delivered; each step names the term, as `begin` does:

    wanted ── begin_create ──▶ submitting ── Created ──▶ running ── end_job(Ready) ──▶ ready ──▶ delivered
       ▲                          │  │                     ▲  │
       └──────── PutOff ──────────┘  └─ identify (callback)┘  └── end_job(Failed) ──▶ failed
                                     └────────── end_job(Unknown) ──▶ unknown

One that is submitting under an older term, or under a token that nobody holds, may have been created: it is never
handed in again, and is recognised by what the provider's callback names. `end_job` puts a row into the inbox in the
same commit, of kind JOB_ENDED and with the id `ended_id(job_id)`: from there on the end is told like any answer, in its
chat's order and with its doubts found out, and that row's end makes a job that was ready delivered or failed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from svc.handler.job import Job, JobError, ResultFile
from svc.storage.inbox import ChatState, Term

LOST_AFTER = 900.0
"""Seconds after which a create of which nothing is known is given up: the job is unknown."""


CLAIMED_FOR = 5.0
"""Seconds for which a job that `due_jobs` has returned is not due again: by then it is put off, or nobody is at it."""

FIRST_LOOK_AFTER = 2.0
"""Seconds after which a task that has been created is first asked for."""


class DueJob(NamedTuple):
    """A job that something is to be done about now. Its state is wanted, running or submitting (in doubt). Of one that
    was put off, `job.error_text` says why.

    `secret` is what its callback has to know, `attempts` how often it has been handed in, `task_id` the provider's name
    for it, `hint` the task that a callback named for it, to be verified. `age` and `left` in seconds: since it was
    asked for, and until its deadline; `submitted_ago` since it was last handed in. `polls`: how often its task has been
    asked for since then, or since its latest callback. `paused`: an operator has paused its provider or its model.
    """

    job: Job
    secret: str
    attempts: int
    task_id: str | None
    hint: str | None
    age: float
    left: float
    submitted_ago: float
    polls: int
    paused: bool = False


class LiveJob(NamedTuple):
    """A job that is wanted, submitting or running, and the state of its chat."""

    job: Job
    state: ChatState


@dataclass(frozen=True, slots=True)
class Created:
    """The provider has it, under this name."""

    task_id: str


@dataclass(frozen=True, slots=True)
class PutOff:
    """It was certainly not created, and is handed in again in `delay` seconds."""

    delay: float
    error: str


@dataclass(frozen=True, slots=True)
class Ready:
    """It is made."""

    results: tuple[ResultFile, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not made, and why; `text` in the provider's words."""

    error: JobError
    text: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It cannot be told whether it was created (error "lost")."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """By an operator."""

    text: str = ""


JobEnding = Ready | Failed | Unknown | Cancelled


class Jobs(Protocol):
    """The jobs of one bot, as one instance uses them.

    Every method but `record_create` and `flush` may raise DatabaseUnavailable, after which the write may or may not
    have been done; all are safe to repeat. Whatever puts a job off, it is due at its deadline too.
    """

    async def due_jobs(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueJob]:
        """The jobs that something is to be done about now, those first that have been due for longest; at most `limit`.

        None whose id is in `without`. `held` are the tokens of creates that this instance is making: their jobs are not
        in doubt. None is returned again within CLAIMED_FOR, unless a callback comes. What would have to be created
        while that is paused waits, in nobody's way, until the pause ends or its deadline comes. Nothing, unless `term`
        is the current one.
        """

    async def begin_create(self, term: Term, job_id: int, token: int) -> bool:
        """Mark a wanted job as being handed in, by the create `token` of this term; False if that may not be, while its
        model is paused for one.

        Repeated, the same answer, until the create is recorded.
        """

    async def record_create(self, job_id: int, token: int, outcome: Created | PutOff) -> None:
        """Record what became of a create. The term need not be current: it did happen.

        The record is made even if the caller is cancelled or the database is away for a time. It changes nothing if the
        job is over, or has been identified.
        """

    async def flush(self) -> None:
        """Return once no record of a create waits to be written. Through an outage of the database it waits."""

    async def note_look(self, term: Term, job_id: int, delay: float, progress: float | None = None) -> None:
        """It has been asked for and is not over: it is due again in `delay` seconds, or at once, where a callback came
        after `due_jobs` returned it."""

    async def identify(self, term: Term, job_id: int, task_id: str) -> bool:
        """A job whose create was in doubt is certainly this task: it is running, and due. False if it is not in doubt
        and not this task already, or if the term is over."""

    async def end_job(self, term: Term, job_id: int, ending: JobEnding) -> bool:
        """End it, and put into the inbox what tells the person (`read_job_event`). False if it has ended before or the
        term is over."""

    async def note_callback(self, job_id: int, secret: str, task_id: str | None) -> bool:
        """A callback came for this job, naming this task: it is due now, and first, unless it is over. By any instance.

        False if there is no such job with this secret.
        """

    async def jobs_of(self, chat_id: int, limit: int) -> list[Job]:
        """The latest jobs of a chat, the newest first."""

    async def live_jobs(self, after: int, limit: int) -> list[LiveJob]:
        """Jobs that have not ended and are not ready, with greater ids than `after`, in the order of ids."""

    async def running(self) -> int:
        """How many jobs the provider has, or may have."""

    async def prune_jobs(self, age: float, limit: int) -> int:
        """Forget up to `limit` jobs that ended over `age` seconds ago; how many."""


def ended_id(job_id: int) -> int:
    """The id of the inbox row that tells of the end of this job."""
    return -job_id


def job_of(update_id: int) -> int:
    """The job of whose end the inbox row with this id tells."""
    return -update_id


class _JobEvent(msgspec.Struct, frozen=True):
    """The payload of an inbox row of kind JOB_ENDED."""

    update_id: int
    job: Job


_decode_event = msgspec.json.Decoder(_JobEvent).decode


def read_job_event(payload: bytes) -> Job:
    """The job that the inbox row with this payload tells of, as it was when it ended; raises ValueError."""
    return _decode_event(payload).job


def job_event(job: Job) -> bytes:
    """The payload of the inbox row that tells of this job's end."""
    return msgspec.json.encode(_JobEvent(ended_id(job.job_id), job))
