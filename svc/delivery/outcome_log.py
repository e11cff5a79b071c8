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
from telegram_client.errors import TelegramError


def ids_of(update_id: int, chat_id: int | None = None, call: int | None = None) -> dict[str, int]:
    """What every line about an update has. `call` says which attempt at it, from 1: with it the lines about one send
    can be joined, from its failure over the looks for its message to what was found out, across instances too.

    What is told of a job's end stands in the inbox under the negative of the job's id.
    """
    ids = {"update_id": update_id}
    if chat_id is not None:
        ids["chat_id"] = chat_id
    if update_id < 0:
        ids["job_id"] = -update_id
    if call is not None:
        ids["call"] = call
    return ids


def failed_call(failure: Failure | None) -> dict[str, str]:
    """Which Bot API method failed, if one did, and how."""
    if failure is None:
        return {}
    method = {"method": failure.error.method} if isinstance(failure.error, TelegramError) else {}
    return {**method, "error": describe(failure.error)}


def log_ending(
    log: structlog.stdlib.BoundLogger,
    update: Received,
    ending: Ending,
    failure: Failure | None,
    policy: Fallback,
    call: int | None = None,
) -> None:
    """Say how the attempt at `update` ended, and first whether it cannot be told what became of its send.

    `call` says which attempt it was; None: there was none.
    """
    ids, failed = ids_of(update.update_id, update.chat_id, call), failed_call(failure)
    if ending.doubts and failure is not None:
        log.warning("IN_DOUBT", **ids, policy=policy, **failed)
    match ending:
        case Done(outcome="refused") if failure is not None:
            log.info("REFUSED", **ids, **failed)
        case Done():
            log_done(log, update, ending, call)
        case Retry():
            log.warning("RETRY", **ids, delay=ending.delay, **{**failed, "error": ending.error})
        case Unclear():
            log.warning("UNCLEAR", **ids, look_in=ending.delay, **{**failed, "error": ending.error})
        case Dead():
            log.error("DEAD", **ids, **failed, reason=ending.reason)


def log_done(log: structlog.stdlib.BoundLogger, update: Received, ending: Done, call: int | None = None) -> None:
    """Say that `update` is done, and how long it took; after which attempt, if there was one."""
    ids = ids_of(update.update_id, update.chat_id, call)
    log.info("DONE", **ids, outcome=ending.outcome, ms=_ms_since(update.arrived))


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
