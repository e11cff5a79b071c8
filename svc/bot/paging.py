"""Long lists, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from svc.bot.texts import Texts
from svc.bot.view import Row, button

PER_PAGE = 8

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of a list: page `number` of `count`, from 1 on."""

    items: Sequence[Item]
    number: int
    count: int


def page_of(items: Sequence[Item], number: int, per_page: int = PER_PAGE) -> Page[Item]:
    """The page of that number, or the nearest that there is: a list may have become shorter."""
    count = max(1, -(-len(items) // per_page))
    number = min(max(number, 1), count)
    return Page(items[(number - 1) * per_page : number * per_page], number, count)


def page_number(text: str) -> int:
    """The number in a button's data; 1 where there is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def page_row(page: Page[Item], texts: Texts, *data: object, last: object = None) -> Row:
    """The buttons to the pages before and after, of the route `data` with the page's number behind it, and then
    `last`; none where there is one page."""
    if page.count == 1:
        return ()
    tail = () if last is None else (last,)

    def to(text: str, number: int) -> Row:
        return (button(text, *data, number, *tail),) if 1 <= number <= page.count else ()

    here = button(f"{page.number}/{page.count}", *data, page.number, *tail)
    return (*to(texts.buttons.earlier, page.number - 1), here, *to(texts.buttons.later, page.number + 1))
