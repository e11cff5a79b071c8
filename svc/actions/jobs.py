"""Ending a job that is not made yet."""

from __future__ import annotations

from svc.actions.record import Operator, recorded
from svc.storage import jobs_reading
from svc.storage.database import Database

BY_OPERATOR = "by an operator"


async def cancel_job(database: Database, bot_id: int, operator: Operator, job_id: int) -> bool:
    """End it and have its person told; False if it is over, made already, or not known."""
    async with recorded(database, bot_id, operator, "cancel_job", {"job_id": job_id}) as outcome:
        ended = await jobs_reading.cancel_job(database, bot_id, job_id, BY_OPERATOR)
        outcome.text = "cancelled" if ended else "it is over, made already, or not known"
    return ended
