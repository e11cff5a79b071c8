"""The Bot API methods that make and delete messages: plain functions `(bot, parameters, Unix time) -> answer`."""

from __future__ import annotations

from typing import Any

from sandbox.answers import (
    COPY_FORBIDDEN,
    COPY_NOT_FOUND,
    DELETE_NOT_FOUND,
    FORWARD_NOT_FOUND,
    PIN_NOT_FOUND,
    ApiAnswer,
    MethodFailed,
    ok,
    required,
)
from sandbox.chats import chat_of, message_of, place_in
from sandbox.files import FileKind
from sandbox.keyboards import is_inline, read_markup
from sandbox.params import Params
from sandbox.replies import origin_of
from sandbox.state import BotState, ChatState, MessageObject
from sandbox.texts import read_caption, read_text

CONTENT = ("text", "entities", "caption", "caption_entities", *FileKind)
"""The fields of a message that a copy of it has as well."""


def send_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """A new message from the bot; answers the Message. A keyboard that is no inline keyboard does not show in it."""
    chat = chat_of(bot, params)
    return ok(send_content(bot, chat, params, now, read_text(params).fields("text")))


def send_message_draft(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Show what the bot is writing, until its next message."""
    chat = chat_of(bot, params)
    if not params.integer("draft_id"):
        raise MethodFailed(required("draft_id"))
    draft = read_text(params) if params.text("text") else None
    chat.draft = draft.text if draft else ""
    return ok(True)


def forward_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """A message of one chat again in another; answers the new Message, which the bot may not edit."""
    chat = chat_of(bot, params)
    source = chat_of(bot, params, "from_chat_id")
    original = message_of(source, params, FORWARD_NOT_FOUND).body
    content = {**place_in(bot, chat, params), "forward_origin": origin_of(original), **_content(original)}
    return ok(dict(bot.send(chat, now, content, editable=False, method="forwardMessage")))


def copy_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """A message again, as one of the bot's own; answers its id only. A `caption` replaces the one that it had."""
    if not params.text("from_chat_id"):
        raise MethodFailed(required("from_chat_id"))
    source = chat_of(bot, params, "from_chat_id")
    original = message_of(source, params, COPY_NOT_FOUND).body
    content = _content(original)
    if not content:
        raise MethodFailed(COPY_FORBIDDEN)
    if "text" not in content and "caption" in params.raw:
        content = {key: value for key, value in content.items() if not key.startswith("caption")}
        content.update(read_caption(params).fields("caption"))
    chat = chat_of(bot, params)
    copied = send_content(bot, chat, params, now, content, method="copyMessage")
    return ok({"message_id": copied["message_id"]})


def pin_chat_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Pin a message. That says a service message of the bot's own, of which the bot is told neither id nor update."""
    chat = chat_of(bot, params)
    pinned = message_of(chat, params, PIN_NOT_FOUND).body
    bot.new_message(chat, bot.user, now, {"pinned_message": dict(pinned)})
    return ok(True)


def delete_message(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Delete a message of either side."""
    chat = chat_of(bot, params)
    if chat.messages.pop(params.integer("message_id"), None) is None:
        raise MethodFailed(DELETE_NOT_FOUND)
    return ok(True)


def send_content(
    bot: BotState,
    chat: ChatState,
    params: Params,
    now: float,
    content: dict[str, Any],
    *,
    method: str = "sendMessage",
    file_id: str | None = None,
    source: str | None = None,
) -> MessageObject:
    """Send what has been read of a request, at the place and with the keyboard that it names; returns the Message."""
    markup = read_markup(params)
    content = {**place_in(bot, chat, params), **content}
    if markup and is_inline(markup):
        content["reply_markup"] = markup
    editable = is_inline(markup)
    sent = bot.send(chat, now, content, editable=editable, method=method, file_id=file_id, source=source)
    if markup and not editable:
        chat.keyboard = None if "remove_keyboard" in markup else {**markup, "message_id": sent["message_id"]}
    return dict(sent)


def _content(message: MessageObject) -> dict[str, Any]:
    return {key: message[key] for key in CONTENT if key in message}
