"""What the buttons of a draft do: options change, questions are asked, and in the end it is made or left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from svc.bot.catalog import Model
from svc.bot.create import draft as drafts
from svc.bot.create.allowance import pressed_twice, refusal
from svc.bot.create.brought import placed
from svc.bot.create.draft import Draft
from svc.bot.create.steps import ask_next, keep, model_gone, notice, start
from svc.bot.create.values import offered
from svc.bot.request import Request
from svc.bot.showing import answer_press, show
from svc.bot.view import View, button
from svc.bot.views.draft import draft_view, is_rare
from svc.bot.views.question import question
from svc.handler.reply import Reply

Act = Callable[[Request, Model, Draft, str], Reply | None]
"""What a button does; its last argument is what follows in the button's data. None: nothing any more."""


def create(request: Request) -> Reply | None:
    """ "create:KEY": begin with a model, by asking for the first thing that it needs and that has not been brought
    already; None if it is not offered."""
    model = request.catalog.by_key(request.argument)
    if model is None:
        return None
    if not request.private:
        return notice(request, request.texts.creating.only_private)
    against = refusal(request.known, request.user_id, request.texts, model)
    if against is not None:
        return notice(request, against, model)
    draft, brought = Draft(request.update_id, model.key), request.memory.brought
    if brought is None:
        return ask_next(request, model, draft)
    draft = placed(brought, model, draft)
    request = replace(request, memory=msgspec.structs.replace(request.memory, brought=None))
    if drafts.missing(model, draft) is None and not model.options:
        return start(request, model, draft)
    return ask_next(request, model, draft)


def pressed(request: Request) -> Reply:
    """ "draft:NUMBER:ACT:...": a button of a draft."""
    number, _, rest = request.argument.partition(":")
    name, _, argument = rest.partition(":")
    return _on_draft(request, number, _ACTS.get(name, _show), argument)


def make(request: Request) -> Reply:
    """ "make:NUMBER": have it made, or ask for what is missing."""
    return _on_draft(request, request.argument, _make, "")


def _on_draft(request: Request, number: str, act: Act, argument: str) -> Reply:
    """What the button of the draft `number` does, if that is the one which is open."""
    draft = request.memory.draft
    if draft is None or number != str(draft.number):
        return _over(request)
    model = request.catalog.by_key(draft.key)
    if model is None:
        return model_gone(request)
    return act(request, model, draft, argument) or _show(request, model, draft, "")


def _over(request: Request) -> Reply:
    """A button of a draft that is finished. Its message stays: it may show by now how the job goes."""
    creating = request.texts.creating
    if request.press is None or request.press.expired:
        return notice(request, creating.draft_over)
    if pressed_twice(request.known, request.user_id):
        return Reply(answer_press(request.press, creating.queued, alert=False))
    return Reply(answer_press(request.press, creating.draft_over))


def _show(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    """The draft with its usual options; `argument` "more": with all."""
    draft = drafts.asking(draft, drafts.missing(model, draft))
    return keep(request, draft, draft_view(model, draft, request.texts, more=argument == "more"))


def _page(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    """The draft, with those options among which the field `argument` stands."""
    field = next((field for field in model.options if field.name == argument), None)
    return _show(request, model, draft, "more" if field is not None and is_rare(field) else "")


def _ask(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """The question for a field."""
    field = model.field(argument)
    if field is None:
        return None
    draft = drafts.asking(draft, field)
    return keep(request, draft, question(model, draft, field, request.texts))


def _turn(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """The next value of an option; behind the last, where the model may choose, comes that it does."""
    field = model.field(argument)
    if field is None or not offered(field):
        return None
    values = offered(field)
    now = drafts.value_of(draft, field)
    place = next((index for index, value in enumerate(values) if value == now and type(value) is type(now)), -1)
    if place == len(values) - 1 and field.preset is None:
        draft = drafts.without_value(draft, field)
    else:
        draft = drafts.with_value(draft, field, values[(place + 1) % len(values)])
    return _page(request, model, draft, argument)


def _set(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """ "NAME:VALUE": one of the values that are offered."""
    name, _, text = argument.partition(":")
    field = model.field(name)
    value = next((value for value in offered(field) if str(value) == text), None) if field else None
    if field is None or value is None:
        return None
    return _page(request, model, drafts.with_value(draft, field, value), name)


def _clear(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """Leave an option to the model: it is not told, whatever its preset."""
    field = model.field(argument)
    if field is None or field.required:
        return None
    return _page(request, model, drafts.skipping(draft, field), argument)


def _remove(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """Take the files of a field back, and ask for others."""
    field = model.field(argument)
    if field is None or field.media is None:
        return None
    return _ask(request, model, drafts.without_value(draft, field), argument)


def _skip(request: Request, model: Model, draft: Draft, argument: str) -> Reply | None:
    """Leave a needed field out, where that may be."""
    field = model.field(argument)
    if field is None or not drafts.may_skip(model, field):
        return None
    return ask_next(request, model, drafts.skipping(draft, field))


def _done(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    """These are all the files."""
    return ask_next(request, model, draft)


def _make(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    if drafts.missing(model, draft) is not None:
        return ask_next(request, model, draft)
    return start(request, model, draft)


def _leave(request: Request, model: Model, draft: Draft, argument: str) -> Reply:
    """Forget the draft."""
    creating = request.texts.creating
    rows = ((button(creating.buttons.back, "model", model.key), button(request.texts.buttons.menu, "menu")),)
    return show(request, View(creating.draft_left, rows), memory=request.memory.without_question())


_ACTS: Mapping[str, Act] = {
    "show": _show,
    "page": _page,
    "ask": _ask,
    "turn": _turn,
    "set": _set,
    "clear": _clear,
    "remove": _remove,
    "skip": _skip,
    "done": _done,
    "leave": _leave,
}
