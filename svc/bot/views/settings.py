"""Settings: what a person can choose, and how it is now."""

from __future__ import annotations

from svc.bot.request import Request
from svc.bot.view import View, button


def settings(request: Request) -> View:
    """The choices, each with the button that changes it."""
    texts = request.texts
    return View(
        texts.settings.format(language=texts.name),
        ((button(texts.buttons.language, "lang"),), (button(texts.buttons.back, "menu"),)),
    )
