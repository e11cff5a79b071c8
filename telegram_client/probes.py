"""The probe: a call that tells of which kind a message is, and that can only be refused.

It is an edit of a message's keyboard that asks for a keyboard of a kind which no message can be edited to have. The
Bot API server looks at the message first, then at whether the bot may edit it, then at the kind of keyboard, and
refuses that by itself: no edit is sent to Telegram in any of these cases. This is read from the source of
tdlib/telegram-bot-api (`Client.cpp`) and of the TDLib that it is made with (`MessagesManager.cpp`), in 2026-11;
api.telegram.org may run other code, and nothing here was tried against it.

An empty keyboard would be a real edit, since it is read as none; and an edit with the content that is there already
may meet a wrong message.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from telegram_client.errors import Refused, TelegramError

PROBE = "editMessageReplyMarkup"
_NO_KEYBOARD_OF_A_MESSAGE = {"force_reply": True}


class Told(Enum):
    """What the answer to a probe tells of the message with that id in that chat."""

    ABSENT = "not there"  # as far as the server knows by now; an id of another chat's message is answered so, too
    OTHERS = "not ours"  # somebody else's, or one of ours that cannot be edited: a forward, one with a reply keyboard
    OURS = "ours"  # the bot's own, with an inline keyboard or without any
    NOTHING = "nothing"  # there was no answer, or one that has nothing to do with the message: ask again
    UNKNOWN = "unknown"  # an answer that has not been read in the source
    EDITED = "edited"  # the probe was not refused


_TEXTS = {
    "Bad Request: message to edit not found": Told.ABSENT,
    "Bad Request: message can't be edited": Told.OTHERS,
    "Bad Request: inline keyboard expected": Told.OURS,
}


def probe_params(chat_id: int, message_id: int) -> dict[str, Any]:
    """The parameters of a probe of one message."""
    return {"chat_id": chat_id, "message_id": message_id, "reply_markup": _NO_KEYBOARD_OF_A_MESSAGE}


def is_probe(method: str, params: Mapping[str, Any] | None) -> bool:
    """Whether a call is a probe: it changes nothing, and may be given up or made again at any time."""
    return method == PROBE and params is not None and params.get("reply_markup") == _NO_KEYBOARD_OF_A_MESSAGE


def told_by(error: TelegramError | None) -> Told:
    """What a probe has told that ended with `error` (None: with a result). Texts count only as a whole."""
    match error:
        case None:
            return Told.EDITED
        case Refused(status=400):
            return _TEXTS.get(error.description, Told.UNKNOWN)
        case Refused(status=401 | 404):
            # The bot itself is not known, or it is not the Bot API that answers.
            return Told.NOTHING
        case Refused():
            return Told.UNKNOWN
    return Told.NOTHING
