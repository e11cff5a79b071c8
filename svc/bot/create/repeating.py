"""What can be done with a job by its buttons: stop it, make it again, with another prompt, send its results."""

from __future__ import annotations

from dataclasses import replace

from svc.bot.catalog import Model
from svc.bot.create.allowance import pressed_twice, refusal
from svc.bot.create.draft import Draft, is_small_enough
from svc.bot.create.ordering import order, ordered
from svc.bot.create.sending import ways_to_send_again
from svc.bot.create.steps import notice, remembering
from svc.bot.create.values import Unfit, check_input, check_value
from svc.bot.request import Request
from svc.bot.showing import answer_press, show
from svc.bot.views.gone import gone
from svc.bot.views.question import question
from svc.bot.views.result import repeat_rows
from svc.bot.views.status import going, queued, status_view
from svc.handler.job import ENDED, Job
from svc.handler.reply import Reply


def stop(request: Request) -> Reply:
    """ "stop:JOB": a job that has not been handed in yet is not made; of any other, how it stands."""
    job = job_in(request)
    if job is None:
        return told(request, request.texts.creating.job_gone)
    about, creating = ordered(job, request.catalog, request.texts.language), request.texts.creating
    if job.state == "wanted":
        stopped = status_view(about.title, about.prompt, creating.stopped, repeat_rows(job, about))
        return show(request, stopped, cancel=job.job_id)
    if job.state == "ready" or job.state in ENDED:
        line = creating.states[job.state]
        return show(request, status_view(about.title, about.prompt, line), alert=creating.over_already)
    now = going(job, about.title, about.prompt, request.known.now, request.texts)
    return show(request, now, alert=creating.too_late_to_stop)


def again(request: Request) -> Reply:
    """ "again:JOB": the same is made once more, with a status of its own."""
    job, model = _with_model(request)
    if job is None:
        return told(request, request.texts.creating.job_gone)
    if model is None:
        return show(as_new_message(request), gone(request))
    if request.press is not None and pressed_twice(request.known, request.user_id, job):
        return Reply(answer_press(request.press, request.texts.creating.queued, alert=False))
    against = refusal(request.known, request.user_id, request.texts, model)
    if against is not None:
        return told(request, against)
    try:
        check_input(model, job.input)
    except Unfit:
        return told(request, request.texts.creating.cannot_repeat)
    request = as_new_message(request)
    wanted = order(request, model, job.input)
    view = queued(model.title, str(wanted.context["prompt"]), request.update_id, request.texts)
    return show(request, view, job=wanted)


def change(request: Request) -> Reply:
    """ "change:JOB": all stays as it was but the prompt, which is asked for."""
    job, model = _with_model(request)
    if job is None:
        return told(request, request.texts.creating.job_gone)
    if model is None:
        return show(as_new_message(request), gone(request))
    if model.prompt is None:
        return told(request, request.texts.creating.cannot_repeat)
    against = refusal(request.known, request.user_id, request.texts, model)
    if against is not None:
        return told(request, against)
    draft = _draft_of(request, job, model)
    view = question(model, draft, model.prompt, request.texts)
    return show(as_new_message(request), view, memory=remembering(request, draft))


def result(request: Request) -> Reply:
    """ "result:JOB:NUMBER": a result is sent, for the first time or again. NUMBER counts from 0 on."""
    job = job_in(request)
    if job is None:
        return told(request, request.texts.creating.job_gone)
    number = request.argument.partition(":")[2]
    index = int(number) if number in map(str, range(max(len(job.results), 1))) else 0
    about = ordered(job, request.catalog, request.texts.language)
    ways = ways_to_send_again(request.where, job, about, index, request.known.now)
    answer = answer_press(request.press) if request.press is not None else ()
    return Reply((*answer, ways[0]), tuple((way,) for way in ways[1:]))


def job_in(request: Request) -> Job | None:
    """The job that a button means, if it is this person's and not too long ago."""
    job_id = request.argument.partition(":")[0]
    return next(
        (job for job in request.known.jobs if str(job.job_id) == job_id and job.user_id == request.user_id), None
    )


def told(request: Request, words: str) -> Reply:
    """Plain words for whoever has pressed: over the chat, or as a message where Telegram takes no answer any more."""
    if request.press is None or request.press.expired:
        return notice(as_new_message(request), words)
    return Reply(answer_press(request.press, words))


def as_new_message(request: Request) -> Request:
    """The same, answered below: what was pressed stays, for it is a result or words that somebody may want to keep."""
    if request.press is None:
        return request
    return replace(request, press=replace(request.press, has_text=False))


def _with_model(request: Request) -> tuple[Job | None, Model | None]:
    job = job_in(request)
    return job, None if job is None else ordered(job, request.catalog).model


def _draft_of(request: Request, job: Job, model: Model) -> Draft:
    """A draft with all that the job was given, but for the prompt and for what the model does not take any more."""
    assert model.prompt is not None
    given = {}
    for name, value in job.input.items():
        field = model.field(name)
        if field is None or field == model.prompt:
            continue
        try:
            check_value(field, value)
        except Unfit:
            continue
        given[name] = value
    draft = Draft(request.update_id, model.key, given, asking=model.prompt.name)
    return draft if is_small_enough(draft) else Draft(request.update_id, model.key, asking=model.prompt.name)
