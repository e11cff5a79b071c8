"""Following what has been handed in: its task is asked for until that is over, and then for what it has made."""

from __future__ import annotations

from collections.abc import Mapping

import trio

from providers.provider import Provider, ProviderError, Refused, Task
from svc.handler.job import ResultFile
from svc.jobs.next_step import (
    FetchResults,
    Identify,
    LookLater,
    after_asking,
    after_no_result,
    after_verifying,
    later_or_over,
)
from svc.jobs.outcomes import Outcomes, ids_of
from svc.jobs.results import CannotLook, NotThere, ResultServers, result_file
from svc.observability.errors import describe
from svc.storage.jobs import DueJob, Ready

# Jobs that are made, and whose results could not be had at first.
MADE_KEPT = 1000


class Following:
    """What one period follows."""

    def __init__(self, outcomes: Outcomes, providers: Mapping[str, Provider], results: ResultServers) -> None:
        self._outcomes = outcomes
        self._log = outcomes.log
        self._providers = providers
        self._results = results
        self._made_at: dict[int, float] = {}

    async def ask(self, due: DueJob, task_id: str) -> None:
        """Ask for a job's task; end the job if that is over."""
        answer = await self._task(due, task_id)
        after = later_or_over(due) if isinstance(answer, ProviderError) else after_asking(due, answer)
        match after:
            case LookLater():
                await self._outcomes.look_later(due, after)
            case FetchResults(urls):
                await self._fetch(due, urls)
            case _:
                await self._outcomes.end(due, after)

    async def verify(self, due: DueJob, task_id: str) -> None:
        """Ask whether this task is the job's, which is in doubt."""
        answer = await self._task(due, task_id)
        after = later_or_over(due) if isinstance(answer, ProviderError) else after_verifying(due, answer)
        match after:
            case LookLater():
                await self._outcomes.look_later(due, after)
            case Identify():
                if await self._outcomes.jobs.identify(self._outcomes.period.term, due.job.job_id, task_id):
                    self._log.info("JOB_IDENTIFIED", **ids_of(due, "task"), task_id=task_id)
            case _:
                await self._outcomes.end(due, after)

    async def _task(self, due: DueJob, task_id: str) -> Task | ProviderError | None:
        """How the task goes, or why that cannot be told now."""
        try:
            return await self._providers[due.job.provider].task(task_id)
        except ProviderError as error:
            if isinstance(error, Refused) and error.kind == "unauthorized":
                self._outcomes.say_key_refused(due, error)
            else:
                self._log.debug("JOB_LATER", **ids_of(due, "task"), error=describe(error))
            return error

    async def _fetch(self, due: DueJob, urls: tuple[str, ...]) -> None:
        """It is made: end the job, if all that it has made is there."""
        job_id, now = due.job.job_id, trio.current_time()
        try:
            results = [await self._look_at(due, url, number) for number, url in enumerate(urls, 1)]
        except (NotThere, CannotLook, ProviderError) as error:
            self._log.debug("JOB_LATER", **ids_of(due), error=describe(error))
            after = after_no_result(due, now - self._made_since(job_id, now))
            if isinstance(after, LookLater):
                await self._outcomes.look_later(due, after)
            else:
                await self._outcomes.end(due, after)
        else:
            self._made_at.pop(job_id, None)
            await self._outcomes.end(due, Ready(tuple(results)))

    def _made_since(self, job_id: int, now: float) -> float:
        """When it was first heard that this job is made, as far as this period knows."""
        made_at = self._made_at.setdefault(job_id, now)
        while len(self._made_at) > MADE_KEPT:
            del self._made_at[next(iter(self._made_at))]
        return made_at

    async def _look_at(self, due: DueJob, url: str, number: int) -> ResultFile:
        """The file at `url`, or at the fresh address that the provider gives for it."""
        try:
            return result_file(url, await self._results.head(url), number)
        except NotThere:
            url = await self._providers[due.job.provider].fresh_url(url)
            return result_file(url, await self._results.head(url), number)
