"""A model's card: what it is and does, and the button that creates with it."""

from __future__ import annotations

from svc.bot.catalog import Model
from svc.bot.request import PROVIDER, Request
from svc.bot.view import Button, View, button, deep_link, escape, token
from svc.bot.views.options import options_text


def card(request: Request) -> View | None:
    """ "model:KEY", and behind it the data of the button that leads back; None if the model is not offered any more."""
    key, _, back = request.argument.partition(":")
    model = request.catalog.by_key(key)
    return None if model is None else card_of(model, request, back)


def card_of(model: Model, request: Request, back: str = "") -> View:
    """The card; `back` is the data of its Back button, by default that of the model's category."""
    texts = request.texts
    create = (_create(model, request),) if request.can_create else ()
    back_button = button(texts.buttons.back, *([back] if back else ["category", token(model.category)]))
    return View(card_text(model, request), (create, (back_button, button(texts.buttons.menu, "menu"))))


def card_text(model: Model, request: Request) -> str:
    """What a card says: title, maker, what it makes of what, and its options."""
    texts = request.texts
    text = texts.card.format(
        title=escape(model.title, 200),
        vendor=escape(model.vendor, 200),
        makes=texts.makes.get(model.task) or escape(model.task, 200),
        needs=", ".join(texts.inputs.get(each) or escape(each, 100) for each in model.inputs.split("+")),
    )
    return "\n\n".join(filter(None, (text, options_text(model, texts), _why_not(model, request))))


def _why_not(model: Model, request: Request) -> str:
    """Why nothing can be created with it now; empty if it can."""
    if not request.can_create:
        return request.texts.creating.not_set_up
    return request.texts.creating.rests if request.known.creating.rests(PROVIDER, model.model_id) else ""


def _create(model: Model, request: Request) -> Button:
    """In a private chat the button asks for what is needed; from elsewhere it leads there."""
    words = request.texts.creating.buttons.create
    if request.private or request.known.me is None:
        return button(words, "create", model.key)
    return deep_link(words, request.known.me.username, model.key)
