"""The Bot API methods about messages and chats, each a plain function from parameters to an answer."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from sandbox.answers import (
    CHAT_ID_EMPTY,
    CHAT_NOT_FOUND,
    DELETE_NOT_FOUND,
    EDIT_FORBIDDEN,
    EDIT_NOT_FOUND,
    NEVER_STARTED,
    NO_MESSAGE_ID,
    NOT_MODIFIED,
    QUERY_TOO_OLD,
    TEXT_EMPTY,
    TEXT_TOO_LONG,
    WRONG_ACTION,
    ApiAnswer,
    MethodFailed,
    bad_request,
    ok,
)
from sandbox.keyboards import Markup, read_markup
from sandbox.params import Params
from sandbox.state import BotState, ChatState, MessageObject

Method = Callable[[BotState, Params, float], ApiAnswer]
"""`(bot, parameters, Unix time) -> answer`; raises Refused."""

MAX_TEXT = 4_096
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
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def get_me(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The bot's own user."""
    return ok(bot.user)


def send_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """A new message from the bot; answers the Message."""
    chat = _chat(bot, params)
    text = _text(params)
    markup = read_markup(params)
    message = bot.new_message(chat, bot.user, int(now), text)
    _set_markup(message, markup)
    chat.action = ""
    return ok(dict(message))


def edit_message_text(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace the text, and the keyboard too: one that is not given is removed."""
    message = _own_message(bot, params)
    text = _text(params)
    markup = read_markup(params)
    if text == message["text"] and markup == message.get("reply_markup"):
        raise MethodFailed(NOT_MODIFIED)
    message["text"] = text
    return _edited(message, markup, now)


def edit_message_reply_markup(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace or remove the keyboard."""
    message = _own_message(bot, params)
    markup = read_markup(params)
    if markup == message.get("reply_markup"):
        raise MethodFailed(NOT_MODIFIED)
    return _edited(message, markup, now)


def delete_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Delete a message of either side."""
    chat = _chat(bot, params)
    if chat.messages.pop(params.integer("message_id"), None) is None:
        raise MethodFailed(DELETE_NOT_FOUND)
    return ok(True)


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
    chat = _chat(bot, params)
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
    "editMessageText": edit_message_text,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "answerCallbackQuery": answer_callback_query,
    "sendChatAction": send_chat_action,
    "setMyCommands": set_my_commands,
}


def _chat(bot: BotState, params: Params) -> ChatState:
    wanted = params.text("chat_id")
    if not wanted:
        raise MethodFailed(CHAT_ID_EMPTY)
    chat_id = params.integer("chat_id")
    chat = bot.chats.get(chat_id)
    if chat is None:
        # Ids of users are positive: any of them may be a user who has not pressed "Start" yet.
        raise MethodFailed(NEVER_STARTED if chat_id > 0 else CHAT_NOT_FOUND)
    if chat.refusal is not None:
        raise MethodFailed(chat.refusal)
    return chat


def _own_message(bot: BotState, params: Params) -> MessageObject:
    chat = _chat(bot, params)
    message_id = params.integer("message_id")
    if not message_id:
        raise MethodFailed(NO_MESSAGE_ID)
    message = chat.messages.get(message_id)
    if message is None:
        raise MethodFailed(EDIT_NOT_FOUND)
    if message["from"]["id"] != bot.id:
        raise MethodFailed(EDIT_FORBIDDEN)
    return message


def _text(params: Params) -> str:
    text = params.text("text")
    if params.text("parse_mode").lower() == "html":
        text = html.unescape(_TAG.sub("", text))
    text = text.strip()
    if not text:
        raise MethodFailed(TEXT_EMPTY)
    if len(text) > MAX_TEXT:
        raise MethodFailed(TEXT_TOO_LONG)
    return text


def _edited(message: MessageObject, markup: Markup | None, now: float) -> ApiAnswer:
    _set_markup(message, markup)
    message["edit_date"] = int(now)
    return ok(dict(message))


def _set_markup(message: MessageObject, markup: Markup | None) -> None:
    if markup is None:
        message.pop("reply_markup", None)
    else:
        message["reply_markup"] = markup
