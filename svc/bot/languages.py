"""Which language somebody is answered in."""

from __future__ import annotations

from svc.bot.texts import ENGLISH, RUSSIAN, Texts

LANGUAGES: dict[str, Texts] = {texts.language: texts for texts in (ENGLISH, RUSSIAN)}

RUSSIAN_SPEAKERS = ("ru", "uk", "be", "kk")
"""The language codes of apps whose users are likely to read Russian."""


def texts_for(language_code: str | None, chosen: str = "") -> Texts:
    """The texts in the language `chosen` by /lang, else in that of the app: `language_code` is an IETF tag, or None."""
    primary = (language_code or "").lower().split("-")[0]
    return LANGUAGES.get(chosen) or (RUSSIAN if primary in RUSSIAN_SPEAKERS else ENGLISH)
