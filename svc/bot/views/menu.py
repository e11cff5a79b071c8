"""The menu: the categories, and the ways to everything else."""

from __future__ import annotations

from functools import lru_cache

from svc.bot.catalog import Catalog
from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.texts import Texts
from svc.bot.view import Row, View, button, in_rows, token
from svc.handler.reply import Reply


def menu(request: Request) -> View:
    """The greeting, with a button for each category that has models."""
    return menu_saying(request, greeting(request))


def menu_saying(request: Request, text: str) -> View:
    """The menu under other words."""
    return View(text, _rows(request.catalog, request.texts))


def greeting(request: Request) -> str:
    """The words of the menu."""
    return request.texts.greeting.format(models=request.texts.models(len(request.catalog)))


def cancel(request: Request) -> Reply:
    """/cancel: what was asked for is not any more; the menu under words that say so."""
    was_asked = bool(request.known.state.get("asking"))
    texts = request.texts
    return show(request, menu_saying(request, texts.cancelled if was_asked else texts.nothing_to_cancel))


@lru_cache(maxsize=8)
def _rows(catalog: Catalog, texts: Texts) -> tuple[Row, ...]:
    """The buttons, which are the same for everybody who reads this language."""
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
    return (*in_rows(categories, 2), *in_rows(others, 2))
