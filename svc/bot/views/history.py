"""What a person has had made: one job a page, the newest first."""

from __future__ import annotations

from svc.bot.create.ordering import ordered
from svc.bot.create.sending import can_be_sent_again
from svc.bot.paging import page_number, page_of, page_row
from svc.bot.request import Request
from svc.bot.view import View, button, escape
from svc.bot.views.result import repeat_rows
from svc.bot.views.times import ago

_SHOWN_OF_A_PROMPT = 800


def history(request: Request) -> View:
    """/history, "history" or "history:PAGE"."""
    texts, creating = request.texts, request.texts.creating
    if not request.private:
        # What somebody has made is in their own chat with the bot, and of no concern to a group.
        return View(creating.only_private, ((button(texts.buttons.menu, "menu"),),))
    jobs = [job for job in request.known.jobs if job.user_id == request.user_id]
    if not jobs:
        return View(creating.history_empty, ((button(texts.buttons.menu, "menu"),),))
    page = page_of(jobs, page_number(request.argument) if request.press else 1, per_page=1)
    job = page.items[0]
    about = ordered(job, request.catalog, texts.language)
    text = creating.history_job.format(
        history=creating.history.format(number=page.number, count=page.count),
        title=escape(about.title, 100),
        prompt=f"\n{escape(about.prompt, _SHOWN_OF_A_PROMPT)}" if about.prompt else "",
        state=creating.not_delivered if job.error == "not_delivered" else creating.states[job.state],
        when=ago(request.known.now - job.created_at, texts),
    )
    send = button(creating.buttons.send_again, "result", job.job_id, 0)
    rows = (send,) if can_be_sent_again(job, request.known.now) else ()
    return View(text, (rows, page_row(page, texts, "history"), *repeat_rows(job, about)))
