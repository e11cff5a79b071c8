"""The Bot API methods about the bot itself: who it is, its commands, its menu button, its descriptions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.answers import (
    COMMAND_DESCRIPTION_INVALID,
    COMMAND_INVALID,
    LANGUAGE_INVALID,
    ApiAnswer,
    MethodFailed,
    bad_request,
    ok,
)
from sandbox.chats import chat_of
from sandbox.params import Params
from sandbox.state import BotState

MAX_COMMANDS = 100
MAX_DESCRIPTION = 256

TEXTS = {"Name": 64, "Description": 512, "ShortDescription": 120}
"""What setMy... and getMy... keep by language, and how many characters it may have (Bot API documentation)."""

_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"(?:[a-z]{2})?")
_SCOPES = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators"})
_SCOPES_OF_A_CHAT = frozenset({"chat", "chat_administrators", "chat_member"})


def get_me(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The bot's own user, and what it can do."""
    return ok(
        {
            **bot.user,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": True,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
    )


def set_my_commands(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The list of commands that the app suggests, for one scope and language; without commands it is deleted."""
    try:
        commands = params.json("commands")
    except ValueError:
        raise MethodFailed(bad_request("can't parse commands JSON object")) from None
    if commands is None:
        commands = []
    if not isinstance(commands, list) or not all(isinstance(command, dict) for command in commands):
        raise MethodFailed(bad_request("expected an Array of BotCommand"))
    key = _scope_and_language(params)
    for command in commands:
        if not _COMMAND.fullmatch(str(command.get("command", "")).removeprefix("/")):
            raise MethodFailed(COMMAND_INVALID)
        if not 1 <= len(str(command.get("description", ""))) <= MAX_DESCRIPTION:
            raise MethodFailed(COMMAND_DESCRIPTION_INVALID)
    if len(commands) > MAX_COMMANDS:
        raise MethodFailed(bad_request("BOT_COMMANDS_TOO_MUCH"))
    bot.commands[key] = commands
    return ok(True)


def get_my_commands(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The commands of exactly this scope and language; none if they are not set."""
    return ok(bot.commands.get(_scope_and_language(params), []))


def delete_my_commands(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Suggest no commands any more for this scope and language."""
    bot.commands.pop(_scope_and_language(params), None)
    return ok(True)


def suggested_commands(bot: BotState, chat_id: int, language: str) -> list[dict[str, Any]]:
    """The commands that the app suggests in a private chat: those of the narrowest scope that has some.

    The order is that of the documentation ("Determining list of commands").
    """
    scopes: list[dict[str, Any]] = [
        {"type": "chat", "chat_id": chat_id},
        {"type": "all_private_chats"},
        {"type": "default"},
    ]
    keys = [_key(scope, code) for scope in scopes for code in (language.partition("-")[0], "")]
    return next((bot.commands[key] for key in keys if bot.commands.get(key)), [])


def set_chat_menu_button(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The button beside the text field: of one private chat, or of all that have none of their own."""
    button = _menu_button(params)
    if params.text("chat_id"):
        chat_of(bot, params).menu_button = button
    else:
        bot.menu_button = button
    return ok(True)


def get_chat_menu_button(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The menu button of a chat, or of all."""
    chat = chat_of(bot, params) if params.text("chat_id") else None
    return ok(chat.menu_button if chat and chat.menu_button else bot.menu_button)


def set_my_text(what: str, bot: BotState, params: Params, now: float) -> ApiAnswer:
    """One of TEXTS, in one language; an empty one is deleted."""
    text = params.text(_field(what))
    if len(text) > TEXTS[what]:
        raise MethodFailed(bad_request(f"bot {_field(what).replace('_', ' ')} is too long"))
    bot.texts[f"{what}/{_language(params)}"] = text
    return ok(True)


def get_my_text(what: str, bot: BotState, params: Params, now: float) -> ApiAnswer:
    """One of TEXTS: in this language, else in no particular one."""
    texts = (bot.texts.get(f"{what}/{language}") for language in (_language(params), ""))
    nothing = bot.user["first_name"] if what == "Name" else ""
    return ok({_field(what): next((text for text in texts if text), nothing)})


def _field(what: str) -> str:
    return re.sub(r"(?<=.)([A-Z])", r"_\1", what).lower()


def _scope_and_language(params: Params) -> str:
    return _key(_scope(params), _language(params))


def _key(scope: Mapping[str, Any], language: str) -> str:
    return f"{json.dumps(scope, sort_keys=True)}/{language}"


def _language(params: Params) -> str:
    language = params.text("language_code")
    if not _LANGUAGE.fullmatch(language):
        raise MethodFailed(LANGUAGE_INVALID)
    return language


def _scope(params: Params) -> Mapping[str, Any]:
    try:
        scope = params.json("scope")
    except ValueError:
        raise MethodFailed(bad_request("can't parse BotCommandScope JSON object")) from None
    if scope is None:
        return {"type": "default"}
    if not isinstance(scope, dict):
        raise _scope_refused("BotCommandScope must be an Object")
    if scope.get("type") in _SCOPES:
        return {"type": scope["type"]}
    if scope.get("type") not in _SCOPES_OF_A_CHAT:
        raise _scope_refused("Unsupported type specified")
    if not scope.get("chat_id"):
        raise _scope_refused("Empty chat_id specified")
    if scope["type"] == "chat_member" and Params(scope).integer("user_id") <= 0:
        raise _scope_refused("Invalid user_id specified")
    return scope


def _scope_refused(why: str) -> MethodFailed:
    return MethodFailed(bad_request(f"can't parse BotCommandScope: {why}"))


def _menu_button(params: Params) -> dict[str, Any]:
    try:
        button = params.json("menu_button")
    except ValueError:
        raise MethodFailed(bad_request("can't parse menu button JSON object")) from None
    if button is None:
        return {"type": "default"}
    if not isinstance(button, dict):
        raise MethodFailed(bad_request("can't parse menu button: MenuButton must be an Object"))
    if button.get("type") in {"default", "commands"}:
        return {"type": button["type"]}
    if button.get("type") != "web_app":
        raise MethodFailed(bad_request("can't parse menu button: MenuButton has unsupported type"))
    web_app = button.get("web_app")
    for name, value in (("text", button.get("text")), ("url", web_app.get("url") if isinstance(web_app, dict) else "")):
        if not isinstance(value, str) or not value:
            raise MethodFailed(bad_request(f"can't parse menu button: Can't find field \"{name}\""))
    return {"type": "web_app", "text": button["text"], "web_app": {"url": button["web_app"]["url"]}}
