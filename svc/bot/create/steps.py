"""The steps of filling in a draft: ask for the next thing, show what there is, have it made."""

from __future__ import annotations

import msgspec

from svc.bot.catalog import Model
from svc.bot.create import draft as drafts
from svc.bot.create.allowance import refusal
from svc.bot.create.draft import Draft
from svc.bot.create.ordering import order
from svc.bot.create.values import Unfit
from svc.bot.memory import Memory
from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.view import View, button, escape
from svc.bot.views.draft import draft_view
from svc.bot.views.gone import gone
from svc.bot.views.question import question, why_unfit
from svc.bot.views.status import queued
from svc.handler.reply import Reply

ROUTE = "draft"
"""The name under which the next message is taken as an answer."""


def ask_next(request: Request, model: Model, draft: Draft, note: str = "") -> Reply:
    """Ask for what is missing; where nothing is, show the draft with its options. `note` (HTML) is said before."""
    field = drafts.missing(model, draft)
    draft = drafts.asking(draft, field)
    if field is None:
        return keep(request, draft, draft_view(model, draft, request.texts, note=note))
    return keep(request, draft, question(model, draft, field, request.texts, note))


def ask_again(request: Request, model: Model, draft: Draft, note: str) -> Reply:
    """What is asked for, once more, with a word (HTML) about what came."""
    field = model.field(draft.asking)
    if field is None:
        return ask_next(request, model, draft, note)
    return keep(request, draft, question(model, draft, field, request.texts, note))


def start(request: Request, model: Model, draft: Draft) -> Reply:
    """Have it made: the message becomes its status. What stands against it is said over the draft, which stays."""
    texts = request.texts
    against = refusal(request.known, request.user_id, texts, model)
    if against is not None:
        return keep(request, drafts.asking(draft, None), draft_view(model, draft, texts, note=escape(against)))
    try:
        job = order(request, model, drafts.input_of(model, draft))
    except Unfit as unfit:
        field = model.field(unfit.field)
        if field is None:
            return notice(request, texts.creating.cannot_repeat, model)
        return ask_again(request, model, drafts.asking(draft, field), why_unfit(unfit, texts))
    view = queued(model.title, str(job.context["prompt"]), request.update_id, texts)
    return show(request, view, memory=request.memory.without_question(), job=job)


def keep(request: Request, draft: Draft, view: View) -> Reply:
    """Show `view` and remember the draft; one that has become too large stays as it was, which is said."""
    if drafts.is_small_enough(draft):
        return show(request, view, memory=remembering(request, draft))
    before = request.memory.draft
    assert before is not None, "a draft becomes too large by what is added to it"
    model = request.catalog.by_key(before.key)
    assert model is not None, "whoever adds to a draft has looked its model up"
    return ask_next(request, model, before, request.texts.creating.too_much)


def remembering(request: Request, draft: Draft) -> Memory:
    """The chat's memory with this draft, whose answer is waited for."""
    return msgspec.structs.replace(request.memory, asking=ROUTE, draft=draft)


def notice(request: Request, words: str, model: Model | None = None) -> Reply:
    """Plain words with a way back: to the model's card, if there is one, and to the menu."""
    back = () if model is None else (button(request.texts.creating.buttons.back, "model", model.key),)
    return show(request, View(escape(words), ((*back, button(request.texts.buttons.menu, "menu")),)))


def model_gone(request: Request) -> Reply:
    """The model of the draft is not offered any more: nothing is asked for, and the menu shown."""
    return show(request, gone(request), memory=request.memory.without_question())
