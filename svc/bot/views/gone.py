"""What is shown instead of a model or a category that is not offered any more."""

from __future__ import annotations

from svc.bot.request import Request
from svc.bot.view import View
from svc.bot.views.menu import menu_saying


def gone(request: Request) -> View:
    """Says so, above the menu."""
    return menu_saying(request, request.texts.gone)
