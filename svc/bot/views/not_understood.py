"""What is said where nothing fits: a file that nobody asked for, a command or a button that there is not."""

from __future__ import annotations

from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.view import View, button
from svc.bot.views.menu import greeting, menu, menu_saying
from svc.handler.reply import Reply


def pointer(request: Request) -> View:
    """A hint to whoever sends a photo, a voice message or a sticker out of the blue."""
    return View(request.texts.pointer, ((button(request.texts.buttons.menu, "menu"),),))


def unknown_command(request: Request) -> View:
    """The menu, which is what there is instead."""
    return menu_saying(request, request.texts.unknown_command.format(greeting=greeting(request)))


def unknown_press(request: Request) -> Reply:
    """A button of an older version: it says so, and the menu takes its place."""
    return show(request, menu(request), alert=request.texts.unknown_press)
