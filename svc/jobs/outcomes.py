"""What is written and said of a step of a job: it is looked at again later, or it is over and its person is told."""

from __future__ import annotations

from typing import Any

import structlog

from svc.delivery.active_period import ActivePeriod
from svc.jobs.next_step import LookLater
from svc.jobs.progress import Progress
from svc.observability.errors import describe
from svc.storage.jobs import Cancelled, DueJob, Failed, JobEnding, Jobs, Ready, Unknown, ended_id

log = structlog.get_logger()


class Outcomes:
    """Writes down and logs what became of the steps of one period. Its methods may raise DatabaseUnavailable."""

    def __init__(self, period: ActivePeriod, jobs: Jobs, progress: Progress) -> None:
        self.period = period
        self.jobs = jobs
        self.log = self._log = log.bind(epoch=period.term.epoch)
        self._progress = progress

    async def end(self, due: DueJob, ending: JobEnding) -> None:
        """End the job, and have its person told at once."""
        job_id = due.job.job_id
        # What is shown after the end would stay.
        await self._progress.stop(job_id)
        if await self.jobs.end_job(self.period.term, job_id, ending):
            self.period.queue.news.tell([ended_id(job_id)])
            self._say_ending(due, ending)

    async def look_later(self, due: DueJob, later: LookLater) -> None:
        """Nothing more can be done for it now."""
        await self.jobs.note_look(self.period.term, due.job.job_id, later.delay, later.progress)

    def say_key_refused(self, due: DueJob, error: Exception) -> None:
        """The provider does not accept the key: somebody has to do something about that."""
        self._log.error("PROVIDER_REFUSED", **ids_of(due), error=describe(error))

    def _say_ending(self, due: DueJob, ending: JobEnding) -> None:
        metrics = self.period.metrics
        match ending:
            case Ready(results):
                self._log.info("JOB_READY", **ids_of(due), files=len(results), seconds=round(due.age, 1))
            case Failed(reason, text):
                metrics.count_job("failed", reason)
                self._log.info("JOB_FAILED", **ids_of(due), reason=reason, error=text)
            case Unknown(text) | Cancelled(text):
                metrics.count_job("unknown", "lost")
                self._log.warning("JOB_UNKNOWN", **ids_of(due), error=text)


def ids_of(due: DueJob, method: str | None = None, *, call: int | None = None) -> dict[str, Any]:
    """What every line of the log about a job has. Those about a call to its provider have the `method`, as Provider
    names it, and `call`: how often the job has been handed in with this one. The lines about one create have it alike.
    """
    job = due.job
    ids = {"job_id": job.job_id, "chat_id": job.chat_id, "provider": job.provider, "model": job.model}
    if method is None:
        return ids
    return ids | {"method": method, "call": due.attempts if call is None else call}
