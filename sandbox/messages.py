"""The Bot API methods that make, change and delete messages: plain functions `(bot, parameters, Unix time) -> answer`.

Which edits are refused, in which words and order, is that of Client.cpp of tdlib/telegram-bot-api and of
MessagesManager.cpp of the TDLib in it (read in 2026-11): what cannot be read, then whether the message is there, then
whether it may be edited, then the kind of markup, and only then the edit itself.
"""

from __future__ import annotations

import html
import re

from sandbox.answers import (
    CHAT_ID_EMPTY,
    CHAT_NOT_FOUND,
    DELETE_NOT_FOUND,
    EDIT_FORBIDDEN,
    EDIT_NOT_FOUND,
    FORWARD_NOT_FOUND,
    INLINE_EXPECTED,
    NEVER_STARTED,
    NO_MESSAGE_ID,
    NOT_MODIFIED,
    PIN_NOT_FOUND,
    TEXT_EMPTY,
    TEXT_TOO_LONG,
    ApiAnswer,
    MethodFailed,
    Refusal,
    ok,
)
from sandbox.keyboards import Markup, is_inline, read_markup
from sandbox.params import Params
from sandbox.rules import Edits
from sandbox.state import BotState, ChatState, MessageObject, StoredMessage

MAX_TEXT = 4_096

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def send_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """A new message from the bot; answers the Message. A keyboard that is no inline keyboard does not show in it."""
    chat = chat_of(bot, params)
    text = _text(params)
    markup = read_markup(params)
    content = {"text": text, "reply_markup": markup} if markup and is_inline(markup) else {"text": text}
    return ok(dict(bot.send(chat, now, content, editable=is_inline(markup))))


def forward_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """A message of one chat again in another; answers the new Message, which the bot may not edit."""
    chat = chat_of(bot, params)
    source = chat_of(bot, params, "from_chat_id")
    original = _message(source, params, FORWARD_NOT_FOUND).body
    origin = {"type": "user", "sender_user": original["from"], "date": original["date"]}
    return ok(dict(bot.send(chat, now, {"forward_origin": origin, "text": original.get("text", "")}, editable=False)))


def pin_chat_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Pin a message. That says a service message of the bot's own, of which the bot is told neither id nor update."""
    chat = chat_of(bot, params)
    pinned = _message(chat, params, PIN_NOT_FOUND).body
    bot.new_message(chat, bot.user, now, {"pinned_message": dict(pinned)})
    return ok(True)


def edit_message_text(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace the text, and the keyboard too: one that is not given is removed."""
    text = _text(params)
    message, markup = _to_edit(bot, params, now)
    if text == message.get("text") and markup == message.get("reply_markup"):
        raise MethodFailed(NOT_MODIFIED)
    message["text"] = text
    return _edited(message, markup, now)


def edit_message_reply_markup(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace or remove the keyboard."""
    message, markup = _to_edit(bot, params, now)
    if markup == message.get("reply_markup"):
        raise MethodFailed(NOT_MODIFIED)
    return _edited(message, markup, now)


def delete_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Delete a message of either side."""
    chat = chat_of(bot, params)
    if chat.messages.pop(params.integer("message_id"), None) is None:
        raise MethodFailed(DELETE_NOT_FOUND)
    return ok(True)


def chat_of(bot: BotState, params: Params, name: str = "chat_id") -> ChatState:
    """The chat that a call names. Raises MethodFailed where the bot may not act."""
    if not params.text(name):
        raise MethodFailed(CHAT_ID_EMPTY)
    chat_id = params.integer(name)
    chat = bot.chats.get(chat_id)
    if chat is None:
        # Ids of users are positive: any of them may be a user who has not pressed "Start" yet.
        raise MethodFailed(NEVER_STARTED if chat_id > 0 else CHAT_NOT_FOUND)
    if chat.refusal is not None:
        raise MethodFailed(chat.refusal)
    return chat


def _to_edit(bot: BotState, params: Params, now: float) -> tuple[MessageObject, Markup | None]:
    """The message that is to be edited and its new markup. Raises MethodFailed for all that refuses an edit."""
    rules = bot.rules
    markup = read_markup(params)
    if rules.edits is Edits.KIND_FIRST:
        _check_kind(markup)
    message = _message(chat_of(bot, params), params, EDIT_NOT_FOUND)
    if now < message.made_at + rules.unseen_for:
        raise MethodFailed(EDIT_NOT_FOUND)
    if not message.editable:
        raise MethodFailed(EDIT_FORBIDDEN)
    if rules.edits is not Edits.CARRIED_OUT:
        _check_kind(markup)
    return message.body, markup


def _check_kind(markup: Markup | None) -> None:
    if not is_inline(markup):
        raise MethodFailed(INLINE_EXPECTED)


def _message(chat: ChatState, params: Params, not_found: Refusal) -> StoredMessage:
    message_id = params.integer("message_id")
    if not message_id:
        raise MethodFailed(NO_MESSAGE_ID)
    message = chat.messages.get(message_id)
    if message is None:
        raise MethodFailed(not_found)
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
    if markup and is_inline(markup):
        message["reply_markup"] = markup
    else:
        message.pop("reply_markup", None)
    message["edit_date"] = int(now)
    return ok(dict(message))
