"""BOT=package.module:name: the bot that it names, or one line that says why there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from svc.bot.menu_bot import bot
from svc.handler.bot import Bot, BotError, load_bot


def test_the_bot_that_is_named_is_loaded() -> None:
    """By default this project's own."""
    assert load_bot("svc.bot.menu_bot:bot") is bot


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("svc.bot.menu_bot", "is not package.module:name"),
        (":bot", "is not package.module:name"),
        ("no_such_package.bot:bot", "no_such_package.bot cannot be imported: ModuleNotFoundError"),
        ("svc.bot.menu_bot:nothing", "is not a svc.handler.bot.Bot"),
        ("svc.bot.menu_bot:MenuBot", "is not a svc.handler.bot.Bot"),
    ],
)
def test_anything_else_says_what_is_wrong(name: str, words: str) -> None:
    """A class is no bot either: an object is needed."""
    with pytest.raises(BotError, match=words):
        load_bot(name)


def test_a_module_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises while it is imported."""
    (tmp_path / "broken_bot_for_a_test.py").write_text("1 / 0\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BotError, match=r"broken_bot_for_a_test cannot be imported: ZeroDivisionError: division"):
        load_bot("broken_bot_for_a_test:bot")


def test_it_may_stand_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an installed command does not look by itself."""
    (tmp_path / "bot_of_a_test.py").write_text("from svc.bot.menu_bot import bot\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert load_bot("bot_of_a_test:bot") is bot


def test_an_update_may_be_left_alone() -> None:
    """A bot has to say what it decides, and nothing else."""
    assert Bot.commands == {}
    assert tuple(Bot.kinds) == ()
