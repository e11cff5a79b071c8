"""The language: asked for, and changed."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from svc.bot.languages import LANGUAGES
from svc.bot.request import Request
from svc.bot.showing import show
from svc.bot.view import View, button
from svc.bot.views.menu import greeting, menu_saying
from svc.handler.reply import Reply


def language(request: Request) -> Reply:
    """ "lang" asks, "lang:CODE" and "/lang CODE" change it and show the menu in the new one."""
    texts = LANGUAGES.get(request.argument.strip().lower())
    if texts is None:
        return show(request, _question(request))
    request = replace(request, texts=texts, memory=msgspec.structs.replace(request.memory, language=texts.language))
    view = menu_saying(request, f"{texts.language_chosen}\n\n{greeting(request)}")
    return show(request, view, memory=request.memory)


def _question(request: Request) -> View:
    languages = tuple(button(texts.name, "lang", code) for code, texts in LANGUAGES.items())
    return View(request.texts.language_question, (languages, (button(request.texts.buttons.back, "settings"),)))
