"""Models of one category, of one maker, or for one task: a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from svc.bot.catalog import Model
from svc.bot.paging import page_number, page_of, page_row
from svc.bot.request import Request
from svc.bot.view import Row, View, button, escape, token


def category(request: Request) -> View | None:
    """ "category:NAME" or "category:NAME:PAGE"; None if there is no such category (any more)."""
    name, number = named_in(request.argument, request.catalog.categories)
    return None if name is None else category_page(name, number, request)


def category_page(name: str, number: int, request: Request) -> View:
    """One page of a category's models."""
    models = request.catalog.in_category(name)
    return _page(request.texts.category_title(name), models, number, ("category", token(name)), "menu", request)


def vendor(request: Request) -> View | None:
    """ "vendor:NAME" or "vendor:NAME:PAGE"; None if there is no such maker (any more)."""
    name, number = named_in(request.argument, request.catalog.vendors)
    if name is None:
        return None
    return _page(name, request.catalog.by_vendor(name), number, ("vendor", token(name)), "search", request)


def task(request: Request) -> View | None:
    """ "task:NAME" or "task:NAME:PAGE"; None if no model does that (any more)."""
    tasks = {model.task: None for model in request.catalog.models}
    name, number = named_in(request.argument, tasks)
    if name is None:
        return None
    models = [model for model in request.catalog.models if model.task == name]
    return _page(request.texts.task_title(name), models, number, ("task", token(name)), "menu", request)


def named_in(argument: str, names: Iterable[str]) -> tuple[str | None, int]:
    """Which of `names` a button means, by itself or by its token, and which page of it."""
    name, _, number = argument.partition(":")
    return next((each for each in names if name in (each, token(each))), None), page_number(number)


def _page(title: str, models: Sequence[Model], number: int, data: tuple[str, str], back: str, request: Request) -> View:
    page = page_of(models, number)
    text = request.texts.models_of.format(title=escape(title, 100), models=request.texts.models(len(models)))
    rows: list[Row] = [(button(each.title, "model", each.key, *data, page.number),) for each in page.items]
    return View(text, (*rows, page_row(page, request.texts, *data), (button(request.texts.buttons.back, back),)))
