"""What a new message replies to: `reply_parameters`, or the older `reply_to_message_id`.

Order and words are those of `get_reply_parameters` and `check_reply_parameters` of tdlib/telegram-bot-api (Client.cpp).
A reply to a message of another chat, or of another topic of the same forum, is an `external_reply`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.answers import (
    CHAT_NOT_FOUND,
    QUOTE_INVALID,
    REPLY_NOT_FOUND,
    REPLY_NOT_JSON,
    REPLY_NOT_OBJECT,
    MethodFailed,
    bad_request,
)
from sandbox.files import FileKind
from sandbox.html_text import utf16_length
from sandbox.params import Params
from sandbox.state import BotState, ChatState, MessageObject
from sandbox.texts import Formatted, read_text

MAX_AUTOMATIC_QUOTE = 1_024
_QUOTED_STYLES = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler", "custom_emoji"})


@dataclass(frozen=True, slots=True)
class Reply:
    """The message that is replied to, the chat that it is in, and what is quoted of it by the bot, if anything."""

    chat: ChatState
    message: MessageObject
    quote: dict[str, Any] | None

    @property
    def thread_id(self) -> int:
        """The thread of that message, 0 for none."""
        thread_id: int = self.message.get("message_thread_id", 0)
        return thread_id

    def inside(self) -> dict[str, Any]:
        """What a message in the same place says of it. One step only: what that message replies to is left out."""
        replied = {key: value for key, value in self.message.items() if key != "reply_to_message"}
        return {"reply_to_message": replied, **({"quote": self.quote} if self.quote else {})}

    def from_elsewhere(self) -> dict[str, Any]:
        """What a message in another place says of it: no text but a quote, which is added where the bot names none."""
        external = {"origin": origin_of(self.message)}
        if self.chat.info["type"] in {"supergroup", "channel"}:
            external.update(chat=self.chat.info, message_id=self.message["message_id"])
        external.update({kind: self.message[kind] for kind in FileKind if kind in self.message})
        text = _text_of(self.message)[:MAX_AUTOMATIC_QUOTE]
        quote = self.quote or ({"text": text, "position": 0} if text else None)
        return {"external_reply": external, **({"quote": quote} if quote else {})}


def read_reply(bot: BotState, chat: ChatState, params: Params) -> Reply | None:
    """What a message to `chat` replies to; None for nothing. Raises MethodFailed for what is not there."""
    wanted = _wanted(params)
    message_id = wanted.integer("message_id")
    if message_id <= 0:
        return None
    source = _source(bot, chat, wanted)
    message = source.messages.get(message_id)
    if message is not None:
        return Reply(source, message.body, _quote(wanted, _text_of(message.body)))
    if wanted.flag("allow_sending_without_reply"):
        return None
    raise MethodFailed(REPLY_NOT_FOUND)


def origin_of(message: MessageObject) -> dict[str, Any]:
    """Where a message comes from that is shown somewhere else: a MessageOrigin."""
    return {"type": "user", "sender_user": message["from"], "date": message["date"]}


def _wanted(params: Params) -> Params:
    if "reply_parameters" not in params.raw:
        return Params(
            {
                "message_id": params.integer("reply_to_message_id"),
                "allow_sending_without_reply": params.flag("allow_sending_without_reply"),
            }
        )
    try:
        parameters = params.json("reply_parameters")
    except ValueError:
        raise MethodFailed(REPLY_NOT_JSON) from None
    if parameters is None:
        return Params({})
    if not isinstance(parameters, Mapping):
        raise MethodFailed(REPLY_NOT_OBJECT)
    if parameters:
        _check_types(parameters)
    return Params(parameters)


def _check_types(parameters: Mapping[str, Any]) -> None:
    if "message_id" not in parameters:
        raise MethodFailed(bad_request('can\'t find field "message_id"'))
    if Params(parameters).integer("message_id", -1) != Params(parameters).integer("message_id"):
        raise MethodFailed(bad_request('field "message_id" must be a valid Number'))
    if not isinstance(parameters.get("allow_sending_without_reply", False), bool):
        raise MethodFailed(bad_request('field "allow_sending_without_reply" must be of type Boolean'))


def _source(bot: BotState, chat: ChatState, wanted: Params) -> ChatState:
    """The chat that the message replied to is in."""
    if not wanted.text("chat_id"):
        return chat
    source = bot.chats.get(wanted.integer("chat_id"))
    if source is None:
        raise MethodFailed(CHAT_NOT_FOUND)
    return source


def _quote(wanted: Params, text: str) -> dict[str, Any] | None:
    """The TextQuote that the bot has chosen. It has to be a part of the text, nearest to `quote_position`."""
    if not wanted.text("quote"):
        return None
    quoted = _read_quote(wanted)
    before = [text[:index] for index in range(len(text)) if text.startswith(quoted.text, index)]
    if not before:
        raise MethodFailed(QUOTE_INVALID)
    wished = wanted.integer("quote_position")
    position = min((utf16_length(head) for head in before), key=lambda place: abs(place - wished))
    styles = [entity for entity in quoted.entities if entity["type"] in _QUOTED_STYLES]
    return {
        "text": quoted.text,
        **({"entities": styles} if styles else {}),
        "position": position,
        "is_manual": True,
    }


def _read_quote(wanted: Params) -> Formatted:
    return read_text(
        Params(
            {
                "text": wanted.text("quote"),
                "parse_mode": wanted.text("quote_parse_mode"),
                "entities": wanted.raw.get("quote_entities"),
            }
        )
    )


def _text_of(message: MessageObject) -> str:
    return str(message.get("text", message.get("caption", "")))
