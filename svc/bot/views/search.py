"""Search: what is typed, and the makers."""

from __future__ import annotations

from svc.bot.paging import page_number, page_of, page_row
from svc.bot.request import Request
from svc.bot.view import View, button, escape, in_rows, token

MAKERS_PER_PAGE = 20


def search(request: Request) -> View:
    """/search WORDS searches; else it asks for them, and has a button for each maker: "search" or "search:PAGE"."""
    if request.press is None and request.argument:
        return results(request.argument, 1, request)
    texts = request.texts
    page = page_of(request.catalog.vendors, page_number(request.argument), MAKERS_PER_PAGE)
    makers = in_rows([button(name, "vendor", token(name)) for name in page.items], 2)
    return View(texts.search, (*makers, page_row(page, texts, "search"), (button(texts.buttons.back, "menu"),)))


def typed(request: Request) -> View:
    """A text that answers no question is what somebody is looking for."""
    text = request.message.text if request.message is not None else None
    return results(text or "", 1, request)


def found(request: Request) -> View:
    """ "found:PAGE:WORDS"."""
    number, _, words = request.argument.partition(":")
    return results(words, page_number(number), request)


def results(words: str, number: int, request: Request) -> View:
    """One page of what fits the words."""
    models = [each for each in request.catalog.models if words.casefold() in each.title.casefold()]
    texts, page = request.texts, page_of(models, number)
    rows = [(button(each.title, "model", each.key, "found", page.number, words),) for each in page.items]
    text = texts.found.format(query=escape(words, 60), models=texts.models(len(models)))
    return View(text, (*rows, (button(texts.buttons.back, "menu"),)))
