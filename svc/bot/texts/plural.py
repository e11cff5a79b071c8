"""Plural forms by the rules of CLDR: 1 модель, 2 модели, 5 моделей, 21 модель."""

from __future__ import annotations

from dataclasses import dataclass

from babel.plural import PluralRule

# CLDR's own rules of the bot's languages, in its words: reading them out of Babel's data of a locale takes 17 ms and
# 7 MiB. (A test holds them against that.)
RULES = {
    "en": PluralRule({"one": "i = 1 and v = 0"}),
    "ru": PluralRule(
        {
            "one": "v = 0 and i % 10 = 1 and i % 100 != 11",
            "few": "v = 0 and i % 10 = 2..4 and i % 100 != 12..14",
            "many": "v = 0 and i % 10 = 0 or v = 0 and i % 10 = 5..9 or v = 0 and i % 100 = 11..14",
        }
    ),
}


@dataclass(frozen=True)
class Plural:
    """A text with a number in it: one form for each of CLDR's categories that the language has; {n} is the number."""

    locale: str
    one: str
    other: str
    few: str | None = None
    many: str | None = None

    def __call__(self, n: int) -> str:
        """The text for `n`, 0 or more."""
        form = getattr(self, RULES[self.locale](n)) or self.other
        return str(form).format(n=n)
