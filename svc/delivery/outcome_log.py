"""What is logged of an attempt once it is known how it ended."""

from __future__ import annotations

import structlog
import trio

from svc.delivery.sending import Failure
from svc.handler.job import Job
from svc.observability.errors import describe
from svc.observability.metrics import Metrics
from svc.settings.environment import Fallback
from svc.storage.inbox import Dead, Done, Ending, Received, Retry, Unclear


def log_ending(
    log: structlog.stdlib.BoundLogger, update: Received, ending: Ending, failure: Failure | None, policy: Fallback
) -> None:
    """Say how the attempt at `update` ended, and first whether it cannot be told what became of its send."""
    ids = {"update_id": update.update_id, "chat_id": update.chat_id}
    if ending.doubts and failure is not None:
        log.warning("IN_DOUBT", **ids, policy=policy, error=describe(failure.error))
    match ending:
        case Done(outcome="refused") if failure is not None:
            log.info("REFUSED", **ids, error=describe(failure.error))
        case Done():
            log.info("DONE", **ids, outcome=ending.outcome, ms=_ms_since(update.arrived))
        case Retry():
            log.warning("RETRY", **ids, delay=ending.delay, error=ending.error)
        case Unclear():
            log.warning("UNCLEAR", **ids, look_in=ending.delay, error=ending.error)
        case Dead():
            log.error("DEAD", **ids, reason=ending.reason)


def log_job_told(
    log: structlog.stdlib.BoundLogger, job: Job | None, ending: Ending, waited: float, metrics: Metrics
) -> None:
    """Say and count how the delivery of a job ended that was made, and that `waited` so many seconds for it.

    Of any other job, its end was said before.
    """
    if job is None or job.state != "ready":
        return
    ids = {"job_id": job.job_id, "chat_id": job.chat_id, "model": job.model}
    match ending:
        case Done(outcome="done"):
            metrics.count_job("delivered")
            metrics.job_to_person.observe(waited)
            log.info("JOB_DELIVERED", **ids, ms=round(waited * 1000, 1))
        case Done() | Dead():
            metrics.count_job("failed", "not_delivered")
            log.info("JOB_FAILED", **ids, reason="not_delivered")
        case Retry() | Unclear():
            pass


def _ms_since(time: float) -> float:
    return round((trio.current_time() - time) * 1000, 1)
