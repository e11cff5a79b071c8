"""The menu: the categories, and the ways to everything else. Also what /start opens."""

from __future__ import annotations

from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.view import View, button, in_rows, token
from svc.bot.views.card import card_of
from svc.bot.views.lists import category_page, named_in
from svc.handler.reply import Reply


def menu(request: Request) -> View:
    """The greeting, with a button for each category that has models."""
    return menu_saying(request, greeting(request))


def menu_saying(request: Request, text: str) -> View:
    """The menu under other words."""
    catalog, texts = request.catalog, request.texts
    categories = [
        button(f"{texts.category_title(name)} ({len(catalog.in_category(name))})", "category", token(name))
        for name in catalog.categories
    ]
    others = [
        button(texts.buttons.search, "search"),
        button(texts.buttons.history, "history"),
        button(texts.buttons.settings, "settings"),
        button(texts.buttons.help, "help"),
    ]
    return View(text, (*in_rows(categories, 2), *in_rows(others, 2)))


def greeting(request: Request) -> str:
    """The words of the menu."""
    return request.texts.greeting.format(models=request.texts.models(len(request.catalog)))


def start(request: Request) -> Reply:
    """/start: the menu, or the model or category that its payload names (a deep link's)."""
    fields = {"user_id": request.user_id, "models": len(request.catalog)}
    named = _named_by(request.argument, request)
    if named is not None:
        return show(request, named, before="START", fields=fields)
    return show(request, menu(request), before="START", after="MAIN_MENU_SENT", fields=fields)


def cancel(request: Request) -> Reply:
    """/cancel: what was asked for is not any more; the menu under words that say so."""
    was_asked = bool(request.known.state.get("asking"))
    texts = request.texts
    return show(request, menu_saying(request, texts.cancelled if was_asked else texts.nothing_to_cancel))


def _named_by(payload: str, request: Request) -> View | None:
    model = request.catalog.by_key(payload)
    if model is not None:
        return card_of(model, request)
    category, page = named_in(payload, request.catalog.categories)
    return None if category is None else category_page(category, page, request)
