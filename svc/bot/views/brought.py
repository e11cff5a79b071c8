"""What is said to a text or a file that nobody has asked for: it is looked up, or offered to what can be made of it."""

from __future__ import annotations

import msgspec

from svc.bot.catalog import Part
from svc.bot.create.brought import MAX_WORDS, Brought, brought_file, tasks_for
from svc.bot.create.files import NoFile
from svc.bot.request import Request
from svc.bot.search import find
from svc.bot.showing import show
from svc.bot.view import Button, View, button, token
from svc.bot.views.menu import menu
from svc.bot.views.search import results
from svc.handler.reply import Reply

GREETINGS = frozenset({"hi", "hello", "hey", "start", "привет", "здравствуйте", "старт", "начать"})
A_DESCRIPTION = 3
"""From how many words on a text in which no model is named is taken for what somebody wants to have made."""


def typed(request: Request) -> Reply | View:
    """A text that answers no question: a greeting, what somebody is looking for, or a description."""
    text = (request.message.text if request.message else None) or ""
    if text.strip(" !.,").lower() in GREETINGS:
        return menu(request)
    is_description = len(text.split()) >= A_DESCRIPTION and len(text) <= MAX_WORDS
    if is_description and request.can_create and not find(text, request.catalog).exact:
        return _offer(request, "prompt", Brought(text))
    return results(text, 1, request)


def sent_file(request: Request) -> Reply | View:
    """A photo, a video, a recording out of the blue; of a sticker and the like, where to begin instead."""
    brought = brought_file(request.message) if request.message else NoFile()
    if isinstance(brought, Brought) and brought.part and request.can_create:
        return _offer(request, brought.part, brought)
    creating = request.texts.creating
    if not request.can_create:
        text = creating.not_set_up
    else:
        text = creating.file_too_large if isinstance(brought, NoFile) and brought.too_large else request.texts.pointer
    return View(text, ((button(request.texts.buttons.menu, "menu"),),))


def _offer(request: Request, part: Part, brought: Brought) -> Reply:
    """What can be made of it; it is kept for the model that is picked."""
    texts = request.texts
    tasks = [(_task(name, request),) for name in tasks_for(part, request.catalog)]
    view = View(texts.brought[part], (*tasks, (button(texts.buttons.menu, "menu"),)))
    return show(request, view, memory=msgspec.structs.replace(request.memory, brought=brought))


def _task(name: str, request: Request) -> Button:
    """The button of a task: to the models that do it, or to the card of the only one."""
    title = request.texts.task_title(name)
    models = [model for model in request.catalog.models if model.task == name]
    return button(title, "model", models[0].key) if len(models) == 1 else button(title, "task", token(name))
