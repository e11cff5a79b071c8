"""Help."""

from __future__ import annotations

from svc.bot.request import Request
from svc.bot.view import View, button


def help_page(request: Request) -> View:
    """How everything works."""
    return View(request.texts.help, ((button(request.texts.buttons.back, "menu"),),))
