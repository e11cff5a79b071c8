"""The words: complete in both languages, with the plural forms of each, and within Telegram's limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from string import Formatter
from typing import Any

import pytest
from babel import Locale

from svc.bot.languages import LANGUAGES, texts_for
from svc.bot.menu_bot import bot
from svc.bot.routes import COMMANDS
from svc.bot.texts import ENGLISH, RUSSIAN, Texts
from svc.bot.texts.plural import RULES, Plural
from svc.bot.view import MAX_ALERT, MAX_BUTTON, units
from tests.bot.updates import buttons, knows, pressed, says, shown, wrote

BOTH = pytest.mark.parametrize("texts", [ENGLISH, RUSSIAN], ids=["en", "ru"])


def leaves(texts: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every text with the path to it."""
    if isinstance(texts, Plural) or not (is_dataclass(texts) or hasattr(texts, "items")):
        yield name, texts
    elif is_dataclass(texts):
        for each in fields(texts):
            yield from leaves(getattr(texts, each.name), f"{name}.{each.name}")
    else:
        for key, value in texts.items():
            yield from leaves(value, f"{name}[{key}]")


def names_in(text: Any) -> set[str]:
    """What is filled in, in braces."""
    if isinstance(text, Plural):
        return names_in(text.other)
    return {name for _, name, _, _ in Formatter().parse(text) if name}


# Languages


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("ru", RUSSIAN),
        ("uk", RUSSIAN),
        ("be", RUSSIAN),
        ("kk", RUSSIAN),
        ("ru-RU", RUSSIAN),
        ("RU", RUSSIAN),
        ("uk-UA", RUSSIAN),
        ("en", ENGLISH),
        ("en-US", ENGLISH),
        ("de", ENGLISH),
        ("run", ENGLISH),
        ("", ENGLISH),
        ("-", ENGLISH),
        (None, ENGLISH),
    ],
)
def test_the_language_is_that_of_the_app(code: str | None, texts: Texts) -> None:
    """Russian for those who are likely to read it, English for all others, in every kind of reply."""
    assert texts_for(code) is texts
    assert shown(says(wrote("/help", language=code))).params["text"] == texts.help
    assert shown(says(pressed("help", language=code))).params["text"] == texts.help


@BOTH
@pytest.mark.parametrize("code", ["en", "ru", None])
def test_the_language_that_was_chosen_goes_first(texts: Texts, code: str | None) -> None:
    """Whatever the app's is; one that there is not is not chosen."""
    assert texts_for(code, texts.language) is texts
    assert texts_for("ru", "fr") is RUSSIAN


@pytest.mark.parametrize("how", [wrote("/lang ru"), wrote("/lang RU "), pressed("lang:ru")])
def test_a_language_is_chosen_and_remembered(how: Any) -> None:
    """The answer is in it already, and so is what comes next."""
    reply = says(how)
    assert shown(reply).params["text"].startswith(RUSSIAN.language_chosen)
    assert reply.state == {"language": "ru"}
    assert shown(says(wrote("/help"), knows(reply.state))).params["text"] == RUSSIAN.help


@pytest.mark.parametrize("how", [wrote("/lang"), wrote("/lang fr"), pressed("lang"), pressed("lang:")])
def test_a_language_that_there_is_not_is_asked_for(how: Any) -> None:
    """A button for each, in its own words."""
    call = shown(says(how))
    assert [each["text"] for each in buttons(call)][:2] == ["English", "Русский"]
    assert says(how).state is None


# Completeness


def test_both_languages_say_everything() -> None:
    """The same texts, each with the same things to fill in, and none of them empty. (A missing one is a type error.)"""
    english, russian = dict(leaves(ENGLISH)), dict(leaves(RUSSIAN))
    assert set(english) == set(russian)
    for name in english:
        assert english[name], name
        assert russian[name], name
        assert names_in(english[name]) == names_in(russian[name]), name


def test_the_languages_differ() -> None:
    """Nothing was left untranslated, but for signs and names."""
    russian = dict(leaves(RUSSIAN))
    same = {name for name, text in leaves(ENGLISH) if text == russian[name] and any(map(str.isalpha, _plain(text)))}
    assert {name for name in same if not name.startswith((".creating.values", ".creating.fields"))} == set()


def _plain(text: Any) -> str:
    """Without tags and braces."""
    if isinstance(text, Plural):
        return text.other
    shown_ = "".join(literal for literal, _, _, _ in Formatter().parse(text))
    return shown_.replace("<b>", "").replace("</b>", "")


@BOTH
def test_every_category_task_and_input_of_the_catalogue_has_words(texts: Texts) -> None:
    """One that is added to the file alone keeps its own name."""
    for model in bot.catalog.models:
        assert model.category in texts.categories
        assert model.task in texts.makes
        assert set(model.inputs.split("+")) <= set(texts.inputs)
    assert texts.category_title("three-d") == "Three-d"


@BOTH
def test_buttons_and_alerts_are_short_enough(texts: Texts) -> None:
    """An answer to a press takes 200 characters; a button shows about as many as fit on a phone."""
    for alert in (texts.not_editable, texts.too_old, texts.unknown_press, texts.no_payments):
        assert units(alert) <= MAX_ALERT
    for name, text in (*leaves(texts.buttons), *leaves(texts.creating.buttons)):
        assert units(text) <= MAX_BUTTON // 2, name


# Plural forms


@pytest.mark.parametrize(
    ("count", "english", "russian"),
    [
        (0, "0 AI models", "0 AI-моделей"),
        (1, "1 AI model", "1 AI-модель"),
        (2, "2 AI models", "2 AI-модели"),
        (4, "4 AI models", "4 AI-модели"),
        (5, "5 AI models", "5 AI-моделей"),
        (11, "11 AI models", "11 AI-моделей"),
        (12, "12 AI models", "12 AI-моделей"),
        (21, "21 AI models", "21 AI-модель"),
        (22, "22 AI models", "22 AI-модели"),
        (25, "25 AI models", "25 AI-моделей"),
        (50, "50 AI models", "50 AI-моделей"),
        (101, "101 AI models", "101 AI-модель"),
        (111, "111 AI models", "111 AI-моделей"),
    ],
)
def test_numbers_have_their_plural_form(count: int, english: str, russian: str) -> None:
    """By the rules of CLDR."""
    assert ENGLISH.models(count) == english
    assert RUSSIAN.models(count) == russian


def test_the_plural_rules_are_those_of_cldr() -> None:
    """Each language's, as Babel's data of its locale has them."""
    for language, rule in RULES.items():
        assert rule.rules == Locale.parse(language).plural_form.rules


@BOTH
def test_every_plural_has_all_forms_of_its_language(texts: Texts) -> None:
    """A form that is missing would be said wrongly."""
    plurals = [(name, text) for name, text in leaves(texts) if isinstance(text, Plural)]
    assert plurals
    for name, plural in plurals:
        assert plural.locale == texts.language
        needed = {*Locale.parse(plural.locale).plural_form.tags, "other"}
        assert {form for form in ("one", "few", "many", "other") if getattr(plural, form)} == needed, name


# Commands


@BOTH
def test_every_suggested_command_is_one(texts: Texts) -> None:
    """And each is within Telegram's limits: 32 plain characters, 256 of description."""
    for name, description in asdict(texts.commands).items():
        assert name in COMMANDS
        assert name.islower()
        assert len(name) <= 32
        assert 3 <= len(description) <= 256


def test_commands_are_suggested_in_both_languages() -> None:
    """Russian to the apps that are answered in Russian, English to all others."""
    assert set(bot.commands) == {"", "ru", "uk", "be", "kk"}
    assert dict(bot.commands[""]) == asdict(ENGLISH.commands)
    for code, commands in bot.commands.items():
        assert dict(commands) == asdict(texts_for(code or None).commands)
    assert set(LANGUAGES) == {"en", "ru"}
