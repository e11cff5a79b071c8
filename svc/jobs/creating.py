"""The one call about a job that may never be made twice: its create.

It is the worker's order of things (svc/delivery/worker.py): the database marks the job as being handed in, then the
request leaves, within the lease or not at all, and what became of it is recorded, also where the term ends meanwhile.
Whoever finds a job so marked that nobody is at takes it for created, perhaps, and does not create it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
import trio

from providers.provider import InDoubt, NotSent, Provider, Refused
from svc.leadership.lease import Lease, not_over
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import GIVEN_UP, Term
from svc.storage.jobs import Created, DueJob, Jobs, PutOff

log = structlog.get_logger()

# More than any provider's own deadline: nobody waits for ever for one that does not keep it.
CREATE_DEADLINE = 60.0
BEGIN_TRIES = 5
BEGIN_AGAIN_AFTER = 0.2


class Create:
    """One create of a job, by the `token` that the runner holds meanwhile. Run it within a scope of the lease."""

    def __init__(self, jobs: Jobs, term: Term, lease: Lease, due: DueJob, token: int) -> None:
        self._jobs = jobs
        self._term = term
        self._lease = lease
        self._job = due.job
        self._token = token

    async def run(
        self, provider: Provider, given: Mapping[str, Any], callback_url: str | None
    ) -> Created | Refused | NotSent | InDoubt | None:
        """Mark the job and create its task; None if it may not begin (any more).

        A task that was created is recorded here. What was certainly not created is the caller's to record.
        """
        try:
            if not await self._begun():
                return None
            await not_over()
        except trio.Cancelled:
            # Nothing has left.
            await self.put_off(PutOff(0.0, GIVEN_UP))  # noqa: ASYNC102 (does not wait)
            raise
        answer = await self._answer(provider, given, callback_url)
        if isinstance(answer, Created):
            await self._jobs.record_create(self._job.job_id, self._token, answer)
        return answer

    async def put_off(self, outcome: PutOff) -> None:
        """Have it recorded that nothing was created, also where the caller is being cancelled: then without waiting."""
        if trio.current_effective_deadline() > trio.current_time():
            await self._jobs.record_create(self._job.job_id, self._token, outcome)
            return
        with trio.CancelScope(shield=True) as wait:
            wait.cancel(reason="the record is made without being waited for")
            await self._jobs.record_create(self._job.job_id, self._token, outcome)

    async def _begun(self) -> bool:
        """Whether the job is marked as this create's. If an answer was lost, asking again gives the same one."""
        for _ in range(BEGIN_TRIES):
            try:
                return await self._jobs.begin_create(self._term, self._job.job_id, self._token)
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", job_id=self._job.job_id, error=str(error))
            await trio.sleep(BEGIN_AGAIN_AFTER)
        await self.put_off(PutOff(0.0, GIVEN_UP))
        return False

    async def _answer(
        self, provider: Provider, given: Mapping[str, Any], callback_url: str | None
    ) -> Created | Refused | NotSent | InDoubt:
        answer: Created | Refused | NotSent | InDoubt = InDoubt("its answer was given up")
        with self._lease.asking() as has_left:
            # Now rather than when it has left entirely: should this instance lose the lead just before, then the job is
            # in doubt for the next one, and nobody else hands it in.
            has_left()
            try:
                with trio.fail_after(CREATE_DEADLINE):
                    answer = Created(await provider.create(self._job.model, given, callback_url))
            except (Refused, NotSent, InDoubt) as error:
                answer = error
            except trio.TooSlowError:
                answer = InDoubt(f"no answer within {CREATE_DEADLINE:.0f} s")
            except Exception:
                log.exception("CHORE_FAILED", chore="JOBS", job_id=self._job.job_id)
                answer = InDoubt("an unforeseen error")
        return answer
