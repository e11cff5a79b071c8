"""The one message that shows how a job goes, from the queue to its end."""

from __future__ import annotations

from svc.bot.texts import Texts
from svc.bot.view import Row, View, button, escape
from svc.bot.views.times import duration, elapsed
from svc.handler.job import Job

_SHOWN_OF_A_PROMPT = 300


def status_view(title: str, prompt: str, line: str, rows: tuple[Row, ...] = ()) -> View:
    """What is made, and how it goes (`line`, HTML)."""
    head = f"<b>{escape(title, 100)}</b>"
    quoted = f"\n<i>{escape(prompt, _SHOWN_OF_A_PROMPT)}</i>" if prompt else ""
    return View(f"{head}{quoted}\n\n{line}", rows)


def queued(title: str, prompt: str, job_id: int, texts: Texts) -> View:
    """A job that has just been asked for; it can still be stopped."""
    return status_view(title, prompt, texts.creating.queued, ((button(texts.creating.buttons.stop, "stop", job_id),),))


def going(job: Job, title: str, prompt: str, now: float, texts: Texts) -> View:
    """A job that is waited for."""
    creating = texts.creating
    if job.state == "wanted":
        return queued(title, prompt, job.job_id, texts)
    if job.state == "submitting":
        return status_view(title, prompt, creating.handed_in)
    time = elapsed(now - started_at(job), texts)
    if job.progress is None or not 0 < job.progress < 1:
        return status_view(title, prompt, creating.generating.format(elapsed=time))
    return status_view(title, prompt, creating.percent.format(percent=int(job.progress * 100), elapsed=time))


def done(job: Job, title: str, prompt: str, now: float, texts: Texts) -> View:
    """A job that has been made."""
    seconds = (now if job.ended_at is None else job.ended_at) - started_at(job)
    return status_view(title, prompt, texts.creating.done.format(elapsed=duration(seconds, texts)))


def started_at(job: Job) -> float:
    """When its making began, as far as is known."""
    return job.created_at if job.submitted_at is None else job.submitted_at
