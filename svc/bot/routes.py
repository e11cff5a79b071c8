"""What a person can ask for, in one table: a command or a button more is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag, auto

from svc.bot.create.answers import answered
from svc.bot.create.presses import create, make, pressed
from svc.bot.create.repeating import again, change, result, stop
from svc.bot.request import Request
from svc.bot.view import View
from svc.bot.views.brought import sent_file, typed
from svc.bot.views.card import card
from svc.bot.views.help import help_page
from svc.bot.views.history import history
from svc.bot.views.language import language
from svc.bot.views.lists import category, task, vendor
from svc.bot.views.menu import cancel, menu
from svc.bot.views.not_understood import unknown_command, unknown_press
from svc.bot.views.search import found, search
from svc.bot.views.settings import settings
from svc.bot.views.start import start
from svc.handler.reply import Reply

Handler = Callable[[Request], Reply | View | None]
"""Makes the answer: a view, which is shown (showing.py), or a whole reply. None: what was asked for is gone."""


class By(Flag):
    """How a route is reached: by its command, by a button, or by what is written while `Memory.asking` is its name."""

    COMMAND = auto()
    PRESS = auto()
    ANSWER = auto()


@dataclass(frozen=True)
class Route:
    """`name` is the command, the first part of the button's data, and the name of the question.

    `keeps_question`: a question that is open stays so; any other route leaves it. `wants_jobs`: the handler reads
    `known.jobs`, which costs a query.
    """

    name: str
    handler: Handler
    by: By
    keeps_question: bool = False
    wants_jobs: bool = False


ROUTES = (
    Route("start", start, By.COMMAND),
    Route("menu", menu, By.COMMAND | By.PRESS),
    Route("models", menu, By.COMMAND),
    Route("category", category, By.PRESS),
    Route("vendor", vendor, By.PRESS),
    Route("task", task, By.PRESS),
    Route("search", search, By.COMMAND | By.PRESS),
    Route("found", found, By.PRESS),
    Route("model", card, By.PRESS),
    Route("cancel", cancel, By.COMMAND),
    Route("create", create, By.PRESS, wants_jobs=True),
    Route("draft", pressed, By.PRESS, keeps_question=True),
    Route("make", make, By.PRESS, keeps_question=True, wants_jobs=True),
    Route("draft", answered, By.ANSWER, keeps_question=True, wants_jobs=True),
    Route("stop", stop, By.PRESS, keeps_question=True, wants_jobs=True),
    Route("again", again, By.PRESS, keeps_question=True, wants_jobs=True),
    Route("change", change, By.PRESS, wants_jobs=True),
    Route("result", result, By.PRESS, keeps_question=True, wants_jobs=True),
    Route("history", history, By.COMMAND | By.PRESS, keeps_question=True, wants_jobs=True),
    Route("settings", settings, By.COMMAND | By.PRESS, keeps_question=True),
    Route("lang", language, By.COMMAND | By.PRESS, keeps_question=True),
    Route("help", help_page, By.COMMAND | By.PRESS, keeps_question=True),
)


# What has no name of its own.
TYPED = Route("typed", typed, By(0), keeps_question=True)
SENT_FILE = Route("sent_file", sent_file, By(0), keeps_question=True)
UNKNOWN_COMMAND = Route("unknown_command", unknown_command, By(0), keeps_question=True)
UNKNOWN_PRESS = Route("unknown_press", unknown_press, By(0), keeps_question=True)


def _reached(by: By) -> Mapping[str, Route]:
    return {route.name: route for route in ROUTES if by in route.by}


COMMANDS = _reached(By.COMMAND)
PRESSES = _reached(By.PRESS)
ANSWERS = _reached(By.ANSWER)
