"""Whether somebody may have a job made now: where creating is set up, and within what each person may have."""

from __future__ import annotations

from svc.bot.catalog import Model
from svc.bot.request import PROVIDER
from svc.bot.texts import Texts
from svc.bot.views.times import duration
from svc.handler.job import Job
from svc.handler.known import Creating, Known

DAY = 86_400.0
DOUBLE_PRESS = 3.0
"""The seconds within which a second press on the same button means the first."""

# A job that is ready or over keeps nobody from the next.
_GOING = frozenset({"wanted", "submitting", "running"})


def is_set_up(creating: Creating) -> bool:
    """Whether there is anybody here who makes things."""
    return PROVIDER in creating.providers


def pressed_twice(known: Known, user_id: int, like: Job | None = None) -> bool:
    """Whether the press that is answered came so soon after one that was given a job that the finger slipped.

    With `like` only another job with the same model and input counts, without it any of this person's.
    """
    pressed_at = known.now - known.age
    return any(
        job.user_id == user_id
        and pressed_at < job.created_at + DOUBLE_PRESS
        and (like is None or (job.job_id != like.job_id and (job.model, job.input) == (like.model, like.input)))
        for job in known.jobs
    )


def refusal(known: Known, user_id: int, texts: Texts, model: Model) -> str | None:
    """Why this person may not have a job made by `model` now, in plain words; None if there is nothing against it."""
    creating = known.creating
    if not is_set_up(creating):
        return texts.creating.not_set_up
    if creating.rests(PROVIDER, model.model_id):
        return texts.creating.rests
    own = [job for job in known.jobs if job.user_id == user_id]
    going = sum(job.state in _GOING for job in own)
    if going >= creating.per_user:
        return texts.creating.too_many_at_once(going)
    counted = _counted(own, known.now)
    if len(counted) >= creating.per_day:
        wait = _until_one_is_past(counted, creating.per_day, known.now)
        return texts.creating.too_many_today.format(count=len(counted), time=duration(wait, texts))
    return None


def _counted(jobs: list[Job], now: float) -> list[float]:
    """When the jobs of the last 24 hours were asked for, the latest first. One that was cancelled cost nothing."""
    return sorted(
        (job.created_at for job in jobs if job.state != "cancelled" and job.created_at > now - DAY), reverse=True
    )


def _until_one_is_past(times: list[float], most: int, now: float) -> float:
    """Seconds until fewer than `most` of these times are within the last 24 hours."""
    return times[most - 1] + DAY - now if most > 0 else DAY
