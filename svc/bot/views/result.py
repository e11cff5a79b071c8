"""What stands under a result, and what a job that has none is told with."""

from __future__ import annotations

import html
import re

from svc.bot.create.ordering import Ordered
from svc.bot.view import MAX_CAPTION, Row, View, button, escape, fit, token
from svc.bot.views.status import status_view
from svc.handler.job import Job, ResultFile

# With the title and the numbers before it, the caption is still short enough.
_SHOWN_OF_A_PROMPT = 800
_SHOWN_OF_A_REASON = 300
# The provider's number before its words says nothing to a person.
_CODE = re.compile(r"\A\d{3} ")


def caption(job: Job, ordered: Ordered, index: int) -> str:
    """What stands under the result number `index` (from 0 on), as HTML: who made it, and of which words."""
    creating = ordered.texts.creating
    title = escape(ordered.title, 100)
    count = len(job.results)
    head = creating.result_of.format(title=title, number=index + 1, count=count) if count > 1 else ""
    prompt = f"\n{escape(ordered.prompt, _SHOWN_OF_A_PROMPT)}" if ordered.prompt else ""
    return fit((head or creating.result.format(title=title)) + prompt, MAX_CAPTION)


def result_rows(job: Job, ordered: Ordered, index: int) -> tuple[Row, ...]:
    """The next of several results, then what else one may do."""
    words = ordered.texts.creating.buttons
    following = index + 1
    text = words.next_result.format(number=following + 1, count=len(job.results))
    more = (button(text, "result", job.job_id, following),) if following < len(job.results) else ()
    return more, *repeat_rows(job, ordered)


def repeat_rows(job: Job, ordered: Ordered) -> tuple[Row, ...]:
    """Again, with another prompt, with another model; and the menu."""
    words, model = ordered.texts.creating.buttons, ordered.model
    menu = button(ordered.texts.buttons.menu, "menu")
    if model is None:
        return ((menu,),)
    again = button(words.again, "again", job.job_id)
    change = (button(words.change, "change", job.job_id),) if model.prompt is not None else ()
    return (again, *change), (button(words.another, "category", token(model.category)), menu)


def link(job: Job, ordered: Ordered, index: int) -> View:
    """A result that Telegram does not take, as an address."""
    file = job.results[index]
    address = f'<a href="{html.escape(file.url)}">{escape(file.name, 100)}</a>'
    text = f"{caption(job, ordered, index)}\n\n{ordered.texts.creating.link.format(link=address)}"
    return View(text, result_rows(job, ordered, index))


def lost(job: Job, ordered: Ordered) -> View:
    """A result that is not to be had any more."""
    words = escape(ordered.texts.creating.result_gone)
    return status_view(ordered.title, ordered.prompt, words, repeat_rows(job, ordered))


def not_made(job: Job, ordered: Ordered) -> View:
    """Why a job has no result: in words, and in the provider's own where those help."""
    creating = ordered.texts.creating
    title = escape(ordered.title, 100)
    if job.state == "unknown":
        return View(creating.unknown.format(title=title), repeat_rows(job, ordered))
    if job.state == "cancelled":
        return View(creating.operator_cancelled.format(title=title), repeat_rows(job, ordered))
    error = job.error or ("no_result" if job.state == "ready" else "failed")
    text = creating.failed.format(title=title, reason=creating.failures[error])
    if job.error_text and error in ("input", "failed"):
        said = escape(_CODE.sub("", job.error_text), _SHOWN_OF_A_REASON)
        text += f"\n\n{creating.provider_says.format(text=said)}"
    return View(text, repeat_rows(job, ordered))


def is_to_be_had(file: ResultFile | None, made_at: float | None, now: float) -> bool:
    """Whether the provider still has it, as far as can be told: for a day it does for sure."""
    return file is not None and made_at is not None and now - made_at < KEPT


KEPT = 2 * 86_400.0
"""For how many seconds an address of a result is tried."""
