"""What a person sees of a job while it is made, and gets when it is over."""

from __future__ import annotations

from collections.abc import Sequence

from svc.bot.catalog import Catalog
from svc.bot.create.ordering import Ordered, ordered, places_of
from svc.bot.create.sending import ways_to_send
from svc.bot.memory import read_memory
from svc.bot.view import View
from svc.bot.views.result import not_made
from svc.bot.views.status import done, going, status_view
from svc.handler.job import ENDED, Job
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply


def show_progress(job: Job, catalog: Catalog, known: Known) -> Sequence[Call]:
    """Edit the job's status; nothing where there is none, or where the person wants nothing from the bot."""
    memory = read_memory(known.state)
    if memory.blocked or job.state == "ready" or job.state in ENDED:
        return ()
    about = ordered(job, catalog, memory.language)
    return _edit_status(job, going(job, about.title, about.prompt, known.now, about.texts))


def deliver(job: Job, catalog: Catalog, known: Known) -> Reply:
    """The result, or the words for there being none: a new message, since nobody notices an edit. The status says so
    as well, if it is still there."""
    memory = read_memory(known.state)
    if memory.blocked:
        return NOTHING
    about = ordered(job, catalog, memory.language)
    places = places_of(job)
    if job.state == "ready" and job.results:
        status = done(job, about.title, about.prompt, known.now, about.texts)
        return _reply(job, status, tuple(way for place in places for way in ways_to_send(place, job, about, 0)))
    words = not_made(job, about).params()
    ways = tuple(Call("sendMessage", {**place, **words}) for place in places)
    return _reply(job, status_view(about.title, about.prompt, _status_line(job, about)), ways)


def _reply(job: Job, status: View, ways: tuple[Call, ...]) -> Reply:
    """The status and the first way to send; the other ways where Telegram refuses. A status that is gone keeps nobody
    from what was made."""
    edit = _edit_status(job, status)
    others = ways[1:] or ways if edit else ways[1:]
    return Reply((*edit, ways[0]), tuple((way,) for way in others))


def _status_line(job: Job, about: Ordered) -> str:
    creating = about.texts.creating
    return creating.failed_status if job.state in ("failed", "ready") else creating.states[job.state]


def _edit_status(job: Job, view: View) -> tuple[Call, ...]:
    if job.status_message_id is None:
        return ()
    target = {"chat_id": job.chat_id, "message_id": job.status_message_id}
    return (Call("editMessageText", {**target, **view.params()}),)
