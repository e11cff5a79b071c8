"""What a bot says of itself at the stand-in for Telegram: commands by scope and language, menu button, descriptions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.bot_settings import suggested_commands
from sandbox.telegram import Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call, why

USER = 7
START = [{"command": "start", "description": "Begin"}]
RUSSIAN = [{"command": "start", "description": "Начать"}]


@pytest.fixture
def telegram() -> Telegram:
    telegram = Telegram(now=ManualClock())
    telegram.user_sends_text(USER, "/start")
    return telegram


def test_commands_are_kept_by_scope_and_language(telegram: Telegram) -> None:
    """What is asked for is exactly what was set, and nothing once it is deleted."""
    private = json.dumps({"type": "all_private_chats"})
    for params in ({}, {"scope": '{"type": "default"}'}):
        assert call(telegram, "setMyCommands", commands=START, **params).status == 200
    call(telegram, "setMyCommands", commands=RUSSIAN, language_code="ru", scope=private)
    assert call(telegram, "getMyCommands").body["result"] == START
    assert call(telegram, "getMyCommands", language_code="ru").body["result"] == []
    wanted = {"language_code": "ru", "scope": {"type": "all_private_chats"}}
    assert call(telegram, "getMyCommands", **wanted).body["result"] == RUSSIAN
    assert call(telegram, "deleteMyCommands", **wanted).body["result"] is True
    assert call(telegram, "getMyCommands", **wanted).body["result"] == []


def test_the_app_suggests_the_commands_of_the_narrowest_scope(telegram: Telegram) -> None:
    call(telegram, "setMyCommands", commands=START)
    call(telegram, "setMyCommands", commands=RUSSIAN, language_code="ru")
    bot = telegram.bot()
    assert suggested_commands(bot, USER, "ru-RU") == RUSSIAN
    assert suggested_commands(bot, USER, "de") == START
    mine = [{"command": "mine", "description": "x"}]
    call(telegram, "setMyCommands", commands=mine, scope={"type": "chat", "chat_id": USER})
    assert suggested_commands(bot, USER, "ru") == mine
    assert suggested_commands(bot, 8, "ru") == RUSSIAN


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"commands": "{"}, "can't parse commands JSON object"),
        ({"commands": {}}, "expected an Array of BotCommand"),
        ({"commands": [{"command": "a b", "description": "x"}]}, "BOT_COMMAND_INVALID"),
        ({"commands": [{"command": "a", "description": "x" * 257}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"commands": START * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ({"commands": START, "language_code": "rus"}, "invalid language code specified"),
        ({"commands": START, "scope": "{"}, "can't parse BotCommandScope JSON object"),
        ({"commands": START, "scope": []}, "can't parse BotCommandScope: BotCommandScope must be an Object"),
        (
            {"commands": START, "scope": {"type": "moon"}},
            "can't parse BotCommandScope: Unsupported type specified",
        ),
        ({"commands": START, "scope": {"type": "chat"}}, "can't parse BotCommandScope: Empty chat_id specified"),
        (
            {"commands": START, "scope": {"type": "chat_member", "chat_id": 1}},
            "can't parse BotCommandScope: Invalid user_id specified",
        ),
    ],
)
def test_commands_are_refused_in_telegrams_words(telegram: Telegram, params: dict[str, Any], expected: str) -> None:
    assert why(call(telegram, "setMyCommands", **params)) == f"Bad Request: {expected}"


def test_the_menu_button_is_one_chats_or_everybodys(telegram: Telegram) -> None:
    assert call(telegram, "getChatMenuButton").body["result"] == {"type": "default"}
    assert call(telegram, "setChatMenuButton", menu_button={"type": "commands"}).status == 200
    assert call(telegram, "getChatMenuButton", chat_id=USER).body["result"] == {"type": "commands"}
    web_app = {"type": "web_app", "text": "Open", "web_app": {"url": "https://example.com"}}
    call(telegram, "setChatMenuButton", chat_id=USER, menu_button=json.dumps(web_app))
    assert call(telegram, "getChatMenuButton", chat_id=USER).body["result"] == web_app
    assert call(telegram, "getChatMenuButton").body["result"] == {"type": "commands"}


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ("{", "can't parse menu button JSON object"),
        ([], "can't parse menu button: MenuButton must be an Object"),
        ({"type": "moon"}, "can't parse menu button: MenuButton has unsupported type"),
        ({"type": "web_app"}, "can't parse menu button: Can't find field \"text\""),
    ],
)
def test_a_menu_button_is_refused_in_telegrams_words(telegram: Telegram, button: Any, expected: str) -> None:
    assert why(call(telegram, "setChatMenuButton", menu_button=button)) == f"Bad Request: {expected}"


def test_descriptions_are_kept_by_language(telegram: Telegram) -> None:
    """A language without one has the text that is for all."""
    call(telegram, "setMyDescription", description="For all")
    call(telegram, "setMyDescription", description="Для всех", language_code="ru")
    told = [call(telegram, "getMyDescription", language_code=code).body["result"] for code in ("", "ru", "de")]
    assert told == [{"description": text} for text in ("For all", "Для всех", "For all")]
    assert call(telegram, "getMyName").body["result"] == {"name": "Sandbox"}
    assert call(telegram, "setMyShortDescription", short_description="x" * 121).status == 400
    assert call(telegram, "getMyShortDescription").body["result"] == {"short_description": ""}


def test_get_me_tells_name_and_inline_mode(telegram: Telegram) -> None:
    me = call(telegram, "getMe").body["result"]
    assert (me["username"], me["supports_inline_queries"]) == ("sandbox_bot", True)
