"""What there is to say, without a word of it: a language that leaves one out does not pass the type checker.

Texts are HTML as Telegram takes it, those of buttons, alerts and commands are plain. The names in braces are filled in
by the views, which escape what they fill in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from svc.bot.catalog import Part
from svc.bot.texts.creating_texts import CreatingTexts
from svc.bot.texts.plural import Plural

Language = Literal["en", "ru"]


@dataclass(frozen=True)
class Commands:
    """What the app suggests when a slash is typed: a description for each command, under its name, in this order."""

    menu: str
    search: str
    history: str
    lang: str
    settings: str
    cancel: str
    help: str


@dataclass(frozen=True)
class Buttons:
    """The words on buttons: plain text."""

    menu: str
    search: str
    help: str
    history: str
    settings: str
    language: str
    back: str
    earlier: str
    later: str
    open_here: str


@dataclass(frozen=True, eq=False)
class Texts:
    """One language. `name` is what it calls itself. It is equal to itself only, which makes it cheap to look up."""

    language: Language
    name: str
    commands: Commands
    buttons: Buttons
    creating: CreatingTexts

    # Menu and pages.
    greeting: str
    models: Plural
    models_of: str
    card: str
    option: str
    options: str
    if_you_like: str
    more_options: str
    makes: Mapping[str, str]
    tasks: Mapping[str, str]
    brought: Mapping[Part, str]
    inputs: Mapping[str, str]
    categories: Mapping[str, str]
    flags: Mapping[bool, str]
    gone: str
    help: str
    language_question: str
    language_chosen: str
    settings: str

    # Search.
    search: str
    found: str
    nothing_found: str
    not_even_near: str

    # Manners.
    pointer: str
    unknown_command: str
    nothing_to_cancel: str
    cancelled: str
    not_editable: str
    too_old: str
    unknown_press: str
    apology: str
    outage: str
    no_payments: str

    def category_title(self, category: str) -> str:
        """How a category is called on its button; one without a translation keeps its own name."""
        return self.categories.get(category, category.capitalize())

    def task_title(self, task: str) -> str:
        """What a task is called on its button; one without a translation keeps its own name."""
        return self.tasks.get(task, task.replace("-", " ").capitalize())
