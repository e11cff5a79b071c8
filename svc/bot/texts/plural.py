"""Plural forms by the rules of CLDR: 1 модель, 2 модели, 5 моделей, 21 модель."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from babel import Locale


@dataclass(frozen=True)
class Plural:
    """A text with a number in it: one form for each of CLDR's categories that the language has; {n} is the number."""

    locale: str
    one: str
    other: str
    few: str | None = None
    many: str | None = None

    def __post_init__(self) -> None:
        # Reading a language's rules takes milliseconds: now, and not in the first answer after a takeover.
        _rule(self.locale)

    def __call__(self, n: int) -> str:
        """The text for `n`, 0 or more."""
        form = getattr(self, _rule(self.locale)(n)) or self.other
        return str(form).format(n=n)


@cache
def _rule(locale: str) -> Callable[[int], str]:
    return Locale.parse(locale).plural_form
