"""The jobs of one instance, over its link to the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from svc.handler.job import Job
from svc.storage.errors import DatabaseUnavailable
from svc.storage.group_commit import GroupCommit
from svc.storage.inbox import Term
from svc.storage.jobs import Created, DueJob, JobEnding, LiveJob, PutOff
from tests.memory.jobs import MemoryJobs
from tests.simulation.database import SimulatedDatabase
from tests.simulation.link import Link

T = TypeVar("T")

Record = tuple[int, int, Created | PutOff]


class JobsOverLink:
    """`Jobs` over a link, with the real durable queue in front of what records creates."""

    def __init__(self, jobs: MemoryJobs, database: SimulatedDatabase, link: Link) -> None:
        self._jobs = jobs
        self._database = database
        self._link = link
        self._records: GroupCommit[Record, None] = GroupCommit(self._record, durable=True, rng=link.rng)

    async def run(self) -> None:
        await self._records.run()

    async def flush(self) -> None:
        await self._records.flush()

    async def due_jobs(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueJob]:
        held, without = frozenset(held), frozenset(without)
        return await self._run(lambda: self._jobs.due_jobs(term, held, limit, without=without))

    async def begin_create(self, term: Term, job_id: int, token: int) -> bool:
        return await self._run(lambda: self._jobs.begin_create(term, job_id, token))

    async def record_create(self, job_id: int, token: int, outcome: Created | PutOff) -> None:
        await self._records.submit((job_id, token, outcome))

    async def note_look(self, term: Term, job_id: int, delay: float, progress: float | None = None) -> None:
        await self._run(lambda: self._jobs.note_look(term, job_id, delay, progress))

    async def identify(self, term: Term, job_id: int, task_id: str) -> bool:
        return await self._run(lambda: self._jobs.identify(term, job_id, task_id))

    async def end_job(self, term: Term, job_id: int, ending: JobEnding) -> bool:
        return await self._run(lambda: self._jobs.end_job(term, job_id, ending))

    async def note_callback(self, job_id: int, secret: str, task_id: str | None) -> bool:
        return await self._run(lambda: self._jobs.note_callback(job_id, secret, task_id))

    async def jobs_of(self, chat_id: int, limit: int) -> list[Job]:
        return await self._run(lambda: self._jobs.jobs_of(chat_id, limit), writes=False)

    async def live_jobs(self, after: int, limit: int) -> list[LiveJob]:
        return await self._run(lambda: self._jobs.live_jobs(after, limit), writes=False)

    async def running(self) -> int:
        return await self._run(self._jobs.running, writes=False)

    async def prune_jobs(self, age: float, limit: int) -> int:
        return await self._run(lambda: self._jobs.prune_jobs(age, limit))

    async def _record(self, group: Sequence[Record]) -> list[None]:
        async def work() -> list[None]:
            if self._database.inbox.away:
                raise DatabaseUnavailable("away")
            for job_id, token, outcome in group:
                await self._jobs.record_create(job_id, token, outcome)
            return [None] * len(group)

        return await self._run(work)

    async def _run(self, work: Callable[[], Awaitable[T]], *, writes: bool = True) -> T:
        return await self._link.statement(lambda: self._database.run(work, writes=writes))
