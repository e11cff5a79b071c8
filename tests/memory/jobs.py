"""The jobs without a database, with the same meaning as `PostgresJobs`: `tests/jobs_contract` runs over both."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import msgspec
import trio

from svc.handler.job import ENDED, Job, ResultFile
from svc.storage.inbox import JOB_ENDED, Received, Term
from svc.storage.jobs import (
    CLAIMED_FOR,
    FIRST_LOOK_AFTER,
    Cancelled,
    Created,
    DueJob,
    Failed,
    JobEnding,
    LiveJob,
    PutOff,
    Ready,
    Unknown,
    ended_id,
    job_event,
)
from svc.storage.storable import storable, storable_json
from tests.memory.inbox import MemoryInbox
from tests.memory.job_rows import JobRow, unix_time

OPEN = ("wanted", "submitting", "running")


class MemoryJobs:
    """`Jobs` in memory, in the same database as `inbox`: its updates make them, and their ends are put into it."""

    def __init__(self, inbox: MemoryInbox) -> None:
        self._inbox = inbox

    @property
    def rows(self) -> dict[int, JobRow]:
        """All rows, by the jobs' ids."""
        return self._inbox.jobs

    async def due_jobs(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueJob]:
        await self._inbox.crossing()
        if term != self._inbox.term:
            return []
        due = [row for each, row in self.rows.items() if each not in without and self._is_due(row, term, held)]
        claimed = sorted(due, key=lambda row: row.due)[:limit]
        for row in claimed:
            row.due, row.called = trio.current_time() + CLAIMED_FOR, False
        return [_due_job(row, paused=self._paused(row)) for row in claimed]

    async def begin_create(self, term: Term, job_id: int, token: int) -> bool:
        await self._inbox.crossing()
        row = self._open(term, job_id)
        if row is None:
            return False
        if row.job.state == "submitting":
            return (row.epoch, row.token) == (term.epoch, token)
        if row.job.state != "wanted" or self._paused(row):
            return False
        row.epoch, row.token, row.polls = term.epoch, token, 0
        row.attempts += 1
        row.due = trio.current_time() + CLAIMED_FOR
        row.set("handed_in", state="submitting", submitted_at=unix_time())
        return True

    async def record_create(self, job_id: int, token: int, outcome: Created | PutOff) -> None:
        await self._inbox.durably(partial(self._record, job_id, token, outcome))

    async def flush(self) -> None:
        await self._inbox.flush()

    async def note_look(self, term: Term, job_id: int, delay: float, progress: float | None = None) -> None:
        await self._inbox.crossing()
        row = self._open(term, job_id)
        if row is None:
            return
        row.polls += 1
        row.put_off(0.0 if row.called else delay)
        if progress is not None:
            row.job = msgspec.structs.replace(row.job, progress=progress)

    async def identify(self, term: Term, job_id: int, task_id: str) -> bool:
        await self._inbox.crossing()
        row = self._open(term, job_id)
        if row is None or row.job.state != "submitting":
            return row is not None and row.job.state == "running" and row.task_id == task_id
        row.task_id, row.polls, row.due = task_id, 0, trio.current_time()
        row.set("identified", state="running", error_text=None)
        return True

    async def end_job(self, term: Term, job_id: int, ending: JobEnding) -> bool:
        await self._inbox.crossing()
        row = self._open(term, job_id)
        if row is None:
            return False
        _end(row, ending)
        job = row.job
        self._inbox.put(Received(ended_id(job_id), job.chat_id, JOB_ENDED, job_event(job), trio.current_time()))
        return True

    async def note_callback(self, job_id: int, secret: str, task_id: str | None) -> bool:
        await self._inbox.crossing()
        row = self.rows.get(job_id)
        if row is None or row.secret != secret:
            return False
        if row.job.state in OPEN:
            row.due, row.called, row.polls = trio.current_time() - 86400, True, 0
            row.hint = row.hint if task_id is None else storable(task_id)
            row.history.append("callback")
        return True

    async def jobs_of(self, chat_id: int, limit: int) -> list[Job]:
        await self._inbox.crossing()
        of_chat = [row.job for _, row in sorted(self.rows.items(), reverse=True) if row.job.chat_id == chat_id]
        return of_chat[:limit]

    async def live_jobs(self, after: int, limit: int) -> list[LiveJob]:
        await self._inbox.crossing()
        live = [row.job for each, row in sorted(self.rows.items()) if each > after and row.job.state in OPEN]
        return [LiveJob(job, self._inbox.state_of(job.chat_id)) for job in live[:limit]]

    async def running(self) -> int:
        await self._inbox.crossing()
        return sum(row.job.state in ("submitting", "running") for row in self.rows.values())

    async def prune_jobs(self, age: float, limit: int) -> int:
        await self._inbox.crossing()
        latest = unix_time() - age
        ended = [
            (row.job.ended_at, job_id)
            for job_id, row in self.rows.items()
            if row.job.state in ENDED and row.job.ended_at is not None and row.job.ended_at < latest
        ]
        for _, job_id in sorted(ended)[:limit]:
            del self.rows[job_id]
        return len(ended[:limit])

    def _open(self, term: Term, job_id: int) -> JobRow | None:
        """The row of a job that is not over, for whoever leads."""
        row = self.rows.get(job_id)
        return row if row is not None and term == self._inbox.term and row.job.state in OPEN else None

    def _is_due(self, row: JobRow, term: Term, held: Collection[int]) -> bool:
        if row.job.state not in OPEN or row.due > trio.current_time():
            return False
        if row.job.state == "wanted" and row.deadline > trio.current_time() and self._paused(row):
            return False
        return row.job.state != "submitting" or row.epoch != term.epoch or row.token not in held

    def _paused(self, row: JobRow) -> bool:
        return self._inbox.orders.creating(row.job.provider, row.job.model) is not None

    def _record(self, job_id: int, token: int, outcome: Created | PutOff) -> None:
        row = self.rows.get(job_id)
        if row is None or row.job.state != "submitting" or row.token != token:
            return
        match outcome:
            case Created(task_id):
                row.task_id = storable(task_id)
                row.put_off(0.0 if row.called else FIRST_LOOK_AFTER)
                row.set("running", state="running", error_text=None)
            case PutOff(delay, error):
                row.put_off(delay)
                row.set("put_off", state="wanted", error_text=storable(error))


def _end(row: JobRow, ending: JobEnding) -> None:
    now = unix_time()
    match ending:
        case Ready(results):
            clean = msgspec.json.decode(storable_json(results), type=tuple[ResultFile, ...])
            row.set("ready", state="ready", results=clean, error=None, error_text=None)
        case Failed(error, text):
            row.set("failed", state="failed", error=error, error_text=storable(text), ended_at=now)
        case Unknown(text):
            row.set("unknown", state="unknown", error="lost", error_text=storable(text), ended_at=now)
        case Cancelled(text):
            row.set("cancelled", state="cancelled", error="cancelled", error_text=storable(text), ended_at=now)


def _due_job(row: JobRow, *, paused: bool) -> DueJob:
    now, job = unix_time(), row.job
    return DueJob(
        job,
        row.secret,
        row.attempts,
        row.task_id,
        row.hint,
        now - job.created_at,
        row.deadline - trio.current_time(),
        now - job.submitted_at if job.submitted_at is not None else 0.0,
        row.polls,
        paused,
    )
