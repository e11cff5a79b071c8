"""Ending a job before it is made."""

from __future__ import annotations

from svc.actions.record import Operator, recorded
from svc.storage import jobs_reading
from svc.storage.database import Database

BY_OPERATOR = "by an operator"
"""Why such a job is over, where its person and its history are told."""


async def cancel_job(database: Database, bot_id: int, operator: Operator, job_id: int) -> bool:
    """End a job that is not made yet, have its person told, and tell whoever leads; False if there is none such.

    What the provider has of it is not called back. Raises DatabaseUnavailable.
    """
    async with recorded(database, bot_id, operator, "cancel_job", {"job_id": job_id}) as outcome:
        ended = await jobs_reading.cancel_job(database, bot_id, job_id, BY_OPERATOR)
        outcome.text = "cancelled" if ended else "it is over, made already, or not known"
    return ended
