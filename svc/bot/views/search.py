"""Search: what is typed, and the makers."""

from __future__ import annotations

from svc.bot.paging import page_number, page_of, page_row
from svc.bot.request import Request
from svc.bot.search import Found, find
from svc.bot.transliteration import words
from svc.bot.view import View, button, escape, in_rows, token

MAKERS_PER_PAGE = 20
_SHOWN = 60
"""How many characters of a query are shown."""
_KEPT = 36
"""How many bytes of a query the buttons carry, beside a model's key and two routes."""


def search(request: Request) -> View:
    """/search WORDS searches; else it asks for them, and has a button for each maker: "search" or "search:PAGE"."""
    if request.press is None and request.argument:
        return results(request.argument, 1, request)
    texts = request.texts
    page = page_of(request.catalog.vendors, page_number(request.argument), MAKERS_PER_PAGE)
    makers = in_rows([button(name, "vendor", token(name)) for name in page.items], 2)
    return View(texts.search, (*makers, page_row(page, texts, "search"), (button(texts.buttons.back, "menu"),)))


def found(request: Request) -> View:
    """ "found:PAGE:WORDS"."""
    number, _, query = request.argument.partition(":")
    return results(query, page_number(number), request)


def results(query: str, number: int, request: Request) -> View:
    """One page of the models for what was typed, or the nearest that there are."""
    texts, outcome = request.texts, find(query, request.catalog)
    page, kept = page_of(outcome.models, number), _kept(query)
    rows = [(button(each.title, "model", each.key, "found", page.number, kept),) for each in page.items]
    last = (button(texts.buttons.search, "search"), button(texts.buttons.menu, "menu"))
    return View(_words(query, outcome, request), (*rows, page_row(page, texts, "found", last=kept), last))


def _words(query: str, outcome: Found, request: Request) -> str:
    texts, shown = request.texts, escape(" ".join(query.split()), _SHOWN)
    if not outcome.models:
        return texts.not_even_near.format(query=shown)
    if not outcome.exact:
        return texts.nothing_found.format(query=shown)
    return texts.found.format(query=shown, models=texts.models(len(outcome.models)))


def _kept(query: str) -> str:
    """What of a query the buttons carry: all of it, or, where that is too long, its words in Latin letters."""
    short = " ".join(query.split())
    if len(short.encode("utf-8", "replace")) > _KEPT:
        short = " ".join(words(short))
    return short.encode("utf-8", "ignore")[:_KEPT].decode("utf-8", "ignore")
