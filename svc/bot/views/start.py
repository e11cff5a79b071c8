"""/start: the menu, or what a link to the bot names."""

from __future__ import annotations

import re

from svc.bot.catalog import KEY_LENGTH
from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.view import View
from svc.bot.views.card import card_of
from svc.bot.views.gone import gone
from svc.bot.views.lists import category_page, named_in
from svc.bot.views.menu import menu
from svc.handler.reply import Reply

_KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")


def start(request: Request) -> Reply:
    """/start: the menu, or the model or category that its payload names (a deep link's)."""
    fields = {"user_id": request.user_id, "models": len(request.catalog)}
    named = _named_by(request.argument, request)
    if named is not None:
        return show(request, named, before="START", fields=fields)
    # Other payloads are not ours: where somebody has come from, for one. They are no reason to speak of a model.
    shown = gone(request) if _KEY.fullmatch(request.argument) else menu(request)
    return show(request, shown, before="START", after="MAIN_MENU_SENT", fields=fields)


def _named_by(payload: str, request: Request) -> View | None:
    model = request.catalog.by_key(payload)
    if model is not None:
        return card_of(model, request)
    category, page = named_in(payload, request.catalog.categories)
    return None if category is None else category_page(category, page, request)
