"""What is said where nothing fits: a command or a button that there is not."""

from __future__ import annotations

from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.view import View
from svc.bot.views.menu import menu, menu_saying
from svc.handler.reply import Reply


def unknown_command(request: Request) -> View:
    """The menu, which is what there is instead."""
    return menu_saying(request, request.texts.unknown_command)


def unknown_press(request: Request) -> Reply:
    """A button of an older version: it says so, and the menu takes its place."""
    return show(request, menu(request), alert=request.texts.unknown_press)
