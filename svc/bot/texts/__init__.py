"""Every word that the bot says, in its two languages: a dataclass (texts.py), and one module a language."""

from svc.bot.texts.english import ENGLISH
from svc.bot.texts.russian import RUSSIAN
from svc.bot.texts.texts import Language, Texts

__all__ = ["ENGLISH", "RUSSIAN", "Language", "Texts"]
