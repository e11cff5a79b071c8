"""The Bot API methods about messages and chats, by name; those in this file have to do with no message."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.answers import QUERY_TOO_OLD, WRONG_ACTION, ApiAnswer, MethodFailed, bad_request, ok
from sandbox.messages import (
    chat_of,
    delete_message,
    edit_message_reply_markup,
    edit_message_text,
    forward_message,
    pin_chat_message,
    send_message,
)
from sandbox.params import Params
from sandbox.state import BotState

Method = Callable[[BotState, Params, float], ApiAnswer]
"""`(bot, parameters, Unix time) -> answer`; raises MethodFailed."""

ANSWER_WITHIN = 150.0
"""Seconds for answering a button press: not documented; the update itself lives as long."""

_CHAT_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")


def get_me(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The bot's own user."""
    return ok(bot.user)


def answer_callback_query(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """End the spinner on a pressed button, perhaps with a text."""
    press = bot.presses.get(params.text("callback_query_id"))
    if press is None or now - press.at > ANSWER_WITHIN:
        raise MethodFailed(QUERY_TOO_OLD)
    press.answered = True
    press.text = params.text("text")
    press.show_alert = params.flag("show_alert")
    return ok(True)


def send_chat_action(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Show "typing..." or the like until the next message."""
    chat = chat_of(bot, params)
    action = params.text("action")
    if action not in _CHAT_ACTIONS:
        raise MethodFailed(WRONG_ACTION)
    chat.action = action
    return ok(True)


def set_my_commands(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The list of commands that the app suggests, for one scope and language."""
    try:
        commands = params.json("commands")
    except ValueError:
        raise MethodFailed(bad_request("can't parse commands JSON object")) from None
    if not isinstance(commands, list) or not all(isinstance(command, dict) for command in commands):
        raise MethodFailed(bad_request("expected an Array of BotCommand"))
    for command in commands:
        if not _COMMAND.fullmatch(str(command.get("command", "")).removeprefix("/")):
            raise MethodFailed(bad_request("BOT_COMMAND_INVALID"))
        if not 1 <= len(str(command.get("description", ""))) <= 256:
            raise MethodFailed(bad_request("BOT_COMMAND_DESCRIPTION_INVALID"))
    bot.commands[f"{params.text('scope')}/{params.text('language_code')}"] = commands
    return ok(True)


MESSAGE_METHODS: dict[str, Method] = {
    "getMe": get_me,
    "sendMessage": send_message,
    "forwardMessage": forward_message,
    "pinChatMessage": pin_chat_message,
    "editMessageText": edit_message_text,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "answerCallbackQuery": answer_callback_query,
    "sendChatAction": send_chat_action,
    "setMyCommands": set_my_commands,
}
