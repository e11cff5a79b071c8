"""The Bot API methods that change messages: plain functions `(bot, parameters, Unix time) -> answer`.

Which edits are refused, in which words and order, is that of Client.cpp of tdlib/telegram-bot-api and of
MessagesManager.cpp of the TDLib in it (read in 2026-11): what cannot be read, then whether the message is there, then
whether it may be edited, then whether it has what is to be edited, then the kind of markup, and only then the edit
itself. A bot's own messages can be edited however old they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.answers import (
    EDIT_FORBIDDEN,
    EDIT_NOT_FOUND,
    INLINE_EXPECTED,
    INLINE_MESSAGE_INVALID,
    MEDIA_NOT_JSON,
    NO_CAPTION_TO_EDIT,
    NO_MEDIA_TO_EDIT,
    NO_TEXT_TO_EDIT,
    NOT_MODIFIED,
    ApiAnswer,
    MethodFailed,
    Refusal,
    bad_request,
    ok,
)
from sandbox.chats import chat_of, message_of
from sandbox.files import FileKind
from sandbox.keyboards import Markup, is_inline, read_markup
from sandbox.media import WITHOUT_CAPTION, stored_file
from sandbox.media_methods import INPUT_MEDIA, read_input_media
from sandbox.params import Params
from sandbox.rules import Edits
from sandbox.state import BotState, MessageObject, StoredMessage
from sandbox.texts import read_caption, read_text

_WITH_CAPTION = tuple(kind for kind in FileKind if kind not in WITHOUT_CAPTION)
_CAPTION = ("caption", "caption_entities")


def edit_message_text(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace the text, and the keyboard too: one that is not given is removed."""
    text = read_text(params).fields("text")
    target = _target(bot, params, now, lambda message: None if "text" in message else NO_TEXT_TO_EDIT)
    return target.become({"text", "entities"}, text)


def edit_message_caption(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace the caption of a file, and the keyboard too; without `caption` it is removed."""
    caption = read_caption(params).fields("caption")
    target = _target(
        bot,
        params,
        now,
        lambda message: None if any(kind in message for kind in _WITH_CAPTION) else NO_CAPTION_TO_EDIT,
    )
    return target.become(set(_CAPTION), caption)


def edit_message_media(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace the file with its caption, and the keyboard too; a text becomes a file."""
    try:
        wanted = params.json("media")
    except ValueError:
        raise MethodFailed(MEDIA_NOT_JSON) from None
    if wanted is None:
        raise MethodFailed(bad_request('parameter "media" is required'))
    kind, given, fields, caption = read_input_media(params, wanted, for_album=False)
    target = _target(
        bot,
        params,
        now,
        lambda message: None if any(name in message for name in ("text", *INPUT_MEDIA)) else NO_MEDIA_TO_EDIT,
    )
    file = stored_file(bot.files, kind, given, fields)
    return target.become(
        {"text", "entities", *_CAPTION, *FileKind}, {**file.content_fields(), **caption.fields("caption")}
    )


def edit_message_reply_markup(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """Replace or remove the keyboard."""
    return _target(bot, params, now, lambda message: None).become(set(), {})


@dataclass(frozen=True, slots=True)
class _Target:
    """A message that may be edited, and the keyboard that it is to have."""

    message: StoredMessage
    markup: Markup | None
    now: float

    def become(self, replaced: set[str], content: dict[str, Any]) -> ApiAnswer:
        """Replace these fields by `content`, and the keyboard. Raises MethodFailed if that changes nothing."""
        body = self.message.body
        before = {key: value for key, value in body.items() if key in replaced}
        if content == before and self.markup == body.get("reply_markup"):
            raise MethodFailed(NOT_MODIFIED)
        for key in replaced:
            body.pop(key, None)
        body.update(content)
        if self.markup and is_inline(self.markup):
            body["reply_markup"] = self.markup
        else:
            body.pop("reply_markup", None)
        body["edit_date"] = int(self.now)
        self.message.reworded |= content != before
        return ok(True if self.message.inline_id else dict(body))


def _target(bot: BotState, params: Params, now: float, lacks: Callable[[MessageObject], Refusal | None]) -> _Target:
    """The message that is to be edited and its new markup. Raises MethodFailed for all that refuses an edit.

    `lacks` says what the message would have to have for this edit and has not.
    """
    rules = bot.rules
    markup = read_markup(params)
    if rules.edits is Edits.KIND_FIRST:
        _check_kind(markup)
    message = _message(bot, params)
    if now < message.made_at + rules.unseen_for:
        raise MethodFailed(EDIT_NOT_FOUND)
    if not message.editable:
        raise MethodFailed(EDIT_FORBIDDEN)
    lack = lacks(message.body)
    if lack:
        raise MethodFailed(lack)
    if rules.edits is not Edits.CARRIED_OUT:
        _check_kind(markup)
    return _Target(message, markup, now)


def _message(bot: BotState, params: Params) -> StoredMessage:
    inline_id = params.text("inline_message_id")
    if inline_id and not params.text("chat_id") and not params.integer("message_id"):
        if inline_id not in bot.inline_messages:
            raise MethodFailed(INLINE_MESSAGE_INVALID)
        return bot.inline_messages[inline_id]
    return message_of(chat_of(bot, params), params, EDIT_NOT_FOUND)


def _check_kind(markup: Markup | None) -> None:
    if not is_inline(markup):
        raise MethodFailed(INLINE_EXPECTED)
