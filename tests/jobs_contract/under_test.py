"""Both implementations of jobs with a look behind them, and the steps that every test of the contract takes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import trio

from svc.handler.job import Job, JobRequest, ResultFile
from svc.storage.chats_sql import chat_state
from svc.storage.database import Database
from svc.storage.inbox import (
    JOB_ENDED,
    NO_STATE,
    Attempt,
    BeginOutcome,
    Begun,
    ChatState,
    Done,
    Effects,
    Inbox,
    Received,
    Term,
)
from svc.storage.jobs import Created, DueJob, Jobs, Ready, ended_id
from svc.storage.postgres_jobs import PostgresJobs
from tests.inbox_contract.under_test import (
    BOT,
    InboxUnderTest,
    MemoryInboxUnderTest,
    PostgresInboxUnderTest,
    an_update,
    postgres_inbox,
)
from tests.memory.jobs import MemoryJobs

CHAT = 7
SECRET = "5ecret"
REQUEST = JobRequest("kie", "kling", {"prompt": "a cat"}, user_id=CHAT)
RESULTS = (ResultFile("https://host/cat.png", "photo", "cat.png", 5),)
READY = Ready(RESULTS)


class Behind(NamedTuple):
    """What stands in a job's row besides what handlers see."""

    token: int | None
    attempts: int
    task_id: str | None
    hint: str | None
    polls: int


class JobsUnderTest(Protocol):
    """Jobs, the inbox in the same database, and a look behind them."""

    tested: InboxUnderTest
    jobs: Jobs

    async def behind(self, job_id: int) -> Behind:
        """What stands in a job's row."""

    async def history(self, job_id: int) -> list[str]:
        """The events of a job's life."""

    async def state_of(self, chat_id: int) -> ChatState:
        """The state of a chat."""


class MemoryJobsUnderTest:
    def __init__(self, tested: MemoryInboxUnderTest) -> None:
        self.tested: InboxUnderTest = tested
        self._inbox = tested.memory
        self.memory = MemoryJobs(tested.memory)
        self.jobs: Jobs = self.memory

    async def behind(self, job_id: int) -> Behind:
        row = self.memory.rows[job_id]
        return Behind(row.token, row.attempts, row.task_id, row.hint, row.polls)

    async def history(self, job_id: int) -> list[str]:
        return self.memory.rows[job_id].history

    async def state_of(self, chat_id: int) -> ChatState:
        return self._inbox.state_of(chat_id)


class PostgresJobsUnderTest:
    def __init__(self, tested: PostgresInboxUnderTest, jobs: PostgresJobs) -> None:
        self.tested: InboxUnderTest = tested
        self.jobs: Jobs = jobs
        self.database = tested.database
        self._bot_id = tested.bot_id

    async def behind(self, job_id: int) -> Behind:
        return Behind(*await self._row(", ".join(Behind._fields), job_id))

    async def history(self, job_id: int) -> list[str]:
        (history,) = await self._row("history", job_id)
        return [entry["event"] for entry in json.loads(history)]

    async def state_of(self, chat_id: int) -> ChatState:
        sql = "SELECT version, state FROM chats WHERE bot_id = $1 AND chat_id = $2"
        rows = await self.database.fetch(sql, self._bot_id, chat_id)
        return chat_state(rows[0]) if rows else NO_STATE

    async def _row(self, columns: str, job_id: int) -> Any:
        sql = f"SELECT {columns} FROM jobs WHERE bot_id = $1 AND job_id = $2"
        (row,) = await self.database.fetch(sql, self._bot_id, job_id)
        return row


@asynccontextmanager
async def postgres_jobs(database: Database, bot_id: int = BOT) -> AsyncIterator[PostgresJobsUnderTest]:
    async with postgres_inbox(database, bot_id) as tested, trio.open_nursery() as nursery:
        jobs = PostgresJobs(tested.database, bot_id, "one")
        nursery.start_soon(jobs.run)
        yield PostgresJobsUnderTest(tested, jobs)
        nursery.cancel_scope.cancel(reason="the test is over")


def a_job(effects_of_job: JobRequest = REQUEST) -> Effects:
    """The effects of an update that asks for this job."""
    return Effects(job=effects_of_job, secret=SECRET)


async def begun(
    inbox: Inbox,
    update_id: int,
    term: Term,
    effects: Effects | None = None,
    *,
    version: int = 0,
    watermark: int | None = None,
) -> Attempt:
    """An attempt at it, which has begun."""
    attempt = Attempt(update_id, term, 1, watermark=watermark, effects=effects, state_version=version)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN
    return attempt


async def asked(under_test: JobsUnderTest, term: Term, job_id: int = 1, request: JobRequest = REQUEST) -> None:
    """A job that an update has asked for."""
    inbox = under_test.tested.inbox
    await inbox.store(an_update(job_id, CHAT))
    await inbox.settle(await begun(inbox, job_id, term, a_job(request)), Done())


async def handed_in(under_test: JobsUnderTest, term: Term, job_id: int = 1, token: int = 5) -> None:
    """A job whose create is under way."""
    await asked(under_test, term, job_id)
    assert await under_test.jobs.begin_create(term, job_id, token)


async def at_the_provider(under_test: JobsUnderTest, term: Term, job_id: int = 1) -> None:
    """A job that is running."""
    await handed_in(under_test, term, job_id)
    await under_test.jobs.record_create(job_id, 5, Created(f"task {job_id}"))


async def ready(under_test: JobsUnderTest, term: Term, job_id: int = 1) -> int:
    """A job that is made; the id of the row that tells of it."""
    await at_the_provider(under_test, term, job_id)
    assert await under_test.jobs.end_job(term, job_id, READY)
    return ended_id(job_id)


async def the_job(under_test: JobsUnderTest, job_id: int = 1, chat_id: int = CHAT) -> Job:
    """The job as handlers see it."""
    (job,) = [job for job in await under_test.jobs.jobs_of(chat_id, 100) if job.job_id == job_id]
    return job


async def due(under_test: JobsUnderTest, term: Term, *held: int, limit: int = 10) -> list[int]:
    """The ids of the jobs that are due."""
    return [each.job.job_id for each in await under_test.jobs.due_jobs(term, held, limit)]


async def the_due_one(under_test: JobsUnderTest, term: Term) -> DueJob:
    """The one job that is due."""
    (job,) = await under_test.jobs.due_jobs(term, (), 10)
    return job


async def event_rows(inbox: Inbox) -> list[Received]:
    """What is in the inbox, and may be worked on, of the ends of jobs."""
    return [update for update in (await inbox.backfill(100)).updates if update.kind == JOB_ENDED]


async def outcome(inbox: Inbox, update_id: int, term: Term, *, version: int = 0, token: int = 2) -> Begun:
    """What becomes of an attempt."""
    return await inbox.begin(Attempt(update_id, term, token, state_version=version))
