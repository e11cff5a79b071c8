"""The jobs in Postgres (`jobs_sql`), where records of creates are written in groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from svc.handler.job import Job, JobError, JobState
from svc.storage import jobs_sql
from svc.storage.chats_sql import chat_state
from svc.storage.database import Database
from svc.storage.group_commit import GroupCommit, ObserveGroups, observe_nothing
from svc.storage.inbox import Term
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
)
from svc.storage.storable import storable, storable_json

INT64 = 2**63


class CreateRecord(NamedTuple):
    """What became of one create."""

    job_id: int
    token: int
    outcome: Created | PutOff


class PostgresJobs:
    """`Jobs` on a Database, of one bot, as one instance uses them (its label is kept in the rows).

    `observe` is told of every group that is written.
    """

    def __init__(
        self, database: Database, bot_id: int, instance: str, *, observe: ObserveGroups = observe_nothing
    ) -> None:
        self._database = database
        self._bot_id = bot_id
        self._instance = instance
        self._records: GroupCommit[CreateRecord, None] = GroupCommit(
            self._record_group, durable=True, observe=partial(observe, "create")
        )

    async def run(self) -> None:
        """Write records of creates until cancelled. None is written unless this runs."""
        await self._records.run()

    async def due_jobs(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueJob]:
        which = list(held), list(without), limit, CLAIMED_FOR
        rows = await self._database.fetch(jobs_sql.DUE_JOBS, *self._key_of(term), *which)
        return [_due_job(row) for row in sorted(rows, key=lambda row: row["due_at"])]

    async def begin_create(self, term: Term, job_id: int, token: int) -> bool:
        create = job_id, token, CLAIMED_FOR, self._instance
        return bool(await self._database.fetch(jobs_sql.BEGIN_CREATE, *self._key_of(term), *create))

    async def record_create(self, job_id: int, token: int, outcome: Created | PutOff) -> None:
        await self._records.submit(CreateRecord(job_id, token, outcome))

    async def flush(self) -> None:
        await self._records.flush()

    async def note_look(self, term: Term, job_id: int, delay: float, progress: float | None = None) -> None:
        await self._database.fetch(jobs_sql.NOTE_LOOK, *self._key_of(term), job_id, delay, progress)

    async def identify(self, term: Term, job_id: int, task_id: str) -> bool:
        return bool(await self._database.fetch(jobs_sql.IDENTIFY, *self._key_of(term), job_id, storable(task_id)))

    async def end_job(self, term: Term, job_id: int, ending: JobEnding) -> bool:
        columns = _ending_columns(ending)
        return bool(await self._database.fetch(jobs_sql.END_JOB, *self._key_of(term), job_id, *columns, self._instance))

    async def note_callback(self, job_id: int, secret: str, task_id: str | None) -> bool:
        if not 0 < job_id < INT64:
            return False
        named = None if task_id is None else storable(task_id)
        return bool(await self._database.fetch(jobs_sql.NOTE_CALLBACK, self._bot_id, job_id, storable(secret), named))

    async def jobs_of(self, chat_id: int, limit: int) -> list[Job]:
        rows = await self._database.fetch(jobs_sql.JOBS_OF, self._bot_id, chat_id, limit)
        return [_job(row) for row in rows]

    async def live_jobs(self, after: int, limit: int) -> list[LiveJob]:
        rows = await self._database.fetch(jobs_sql.LIVE_JOBS, self._bot_id, after, limit)
        return [LiveJob(_job(row), chat_state(row)) for row in rows]

    async def running(self) -> int:
        return _count(await self._database.fetch(jobs_sql.RUNNING, self._bot_id))

    async def prune_jobs(self, age: float, limit: int) -> int:
        return _count(await self._database.fetch(jobs_sql.PRUNE_JOBS, self._bot_id, age, limit))

    async def _record_group(self, group: Sequence[CreateRecord]) -> list[None]:
        # In the order of ids, as whoever else writes several rows takes them.
        records = sorted(group, key=lambda record: record.job_id)
        outcomes = [_CreateColumns.of(record.outcome) for record in records]
        await self._database.fetch(
            jobs_sql.RECORD_CREATE,
            self._bot_id,
            [record.job_id for record in records],
            [record.token for record in records],
            [outcome.task_id for outcome in outcomes],
            [outcome.delay for outcome in outcomes],
            [outcome.error for outcome in outcomes],
        )
        return [None] * len(group)

    def _key_of(self, term: Term) -> tuple[int, int, UUID]:
        """$1 to $3 of every statement that asks for a term."""
        return self._bot_id, term.epoch, term.holder


class _CreateColumns(NamedTuple):
    """What became of a create, as RECORD_CREATE takes it."""

    task_id: str | None
    delay: float
    error: str | None = None

    @classmethod
    def of(cls, outcome: Created | PutOff) -> _CreateColumns:
        match outcome:
            case Created(task_id):
                return cls(storable(task_id), FIRST_LOOK_AFTER)
            case PutOff(delay, error):
                return cls(None, delay, storable(error))


class _EndingColumns(NamedTuple):
    """The end of a job, as END_JOB takes it."""

    state: JobState
    error: JobError | None = None
    text: str | None = None
    results: str = "[]"


def _ending_columns(ending: JobEnding) -> _EndingColumns:
    match ending:
        case Ready(results):
            return _EndingColumns("ready", results=storable_json(results))
        case Failed(error, text):
            return _EndingColumns("failed", error, storable(text))
        case Unknown(text):
            return _EndingColumns("unknown", "lost", storable(text))
        case Cancelled(text):
            return _EndingColumns("cancelled", "cancelled", storable(text))


def _job(row: asyncpg.Record) -> Job:
    return msgspec.json.decode(row["job"], type=Job)


def _due_job(row: asyncpg.Record) -> DueJob:
    return DueJob(
        _job(row),
        row["secret"],
        row["attempts"],
        row["task_id"],
        row["hint"],
        row["age"],
        row["left"],
        row["submitted_ago"],
        row["polls"],
        row["paused"],
    )


def _count(rows: Iterable[asyncpg.Record]) -> int:
    ((count, *_),) = rows
    assert isinstance(count, int)
    return count
