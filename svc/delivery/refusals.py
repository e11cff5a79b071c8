"""Whose fault a refusal is: the bot's, the update's, or nobody's.

How the Bot API server makes its answers is read from its source, `Client.cpp` of tdlib/telegram-bot-api
(`fail_query_with_error`, `check_message`) and from TDLib's texts, which it passes on:

- 401 and 404 are the only answers to a token that is wrong or revoked, or to an address that is not the Bot API's. An
  unknown method is a 404 too. TDLib's own 404 is turned into a 400.
- 403 is about the chat or the user: blocked, kicked, deactivated.
- A 403 of Telegram's own servers, though, whose text is a code (capitals, digits and "_"), is turned into a 400 with
  that code: CHAT_WRITE_FORBIDDEN, USER_IS_BLOCKED. There it stands among codes that have always been a 400 and are a
  fault of the request: BUTTON_DATA_INVALID. So the words of a code decide.
- What is not there is called "<what> not found": message to edit, message thread, chat, user.

Whatever no rule knows is taken for a fault of the request: it is kept as a dead letter and can be looked at.
"""

from __future__ import annotations

import re

from telegram_client.errors import Refused, TelegramError

_BAD_REQUEST = "Bad Request: "
_CODE = re.compile(r"[A-Z0-9_]+")
# Words of the codes with which Telegram's servers say that somebody does not want or may not have the message
# (https://core.telegram.org/api/errors, those under 403, and those about a chat under 400).
_WORDS = frozenset(
    {
        "ALLOWED",
        "BANNED",
        "BLOCKED",
        "CLOSED",
        "DEACTIVATED",
        "DELETED",
        "DENIED",
        "DISALLOWED",
        "ELIGIBLE",
        "FORBIDDEN",
        "KICKED",
        "PRIVATE",
        "REQUIRED",
        "RESTRICTED",
    }
)
# And those that say so without such a word.
_CODES = frozenset({"PEER_ID_INVALID", "MESSAGE_ID_INVALID", "CHANNEL_PUBLIC_GROUP_NA"})
_ABOUT_THE_USER = "USER_"

_NOT_FOUND = re.compile(r"(message|chat|user)\b.*\bnot found", re.IGNORECASE)
# TDLib's texts, in lower case. Their first letter differs from version to version.
_TEXTS = (
    "message can't be edited",
    "message can't be deleted",
    "user is deactivated",
    "have no rights",
    "not enough rights",
    "have no write access",
    "need administrator rights",
)


# A message that an edit does not find, or may not edit any more: another message can say the same.
_NO_EDIT = ("message can't be edited", "message to edit not found", "message_id_invalid")
# A topic that is not there any more, or closed: what is meant for it may have a place elsewhere in its chat.
_NO_TOPIC = ("message thread not found", "topic_deleted", "topic_closed")
# An answer to a press or a query comes too late, or for the second time.
_TOO_LATE = ("query is too old", "query id is invalid", "query_id_invalid")
_ANSWERS = frozenset({"answerCallbackQuery", "answerInlineQuery", "answerPreCheckoutQuery", "answerShippingQuery"})


def may_be_the_bots(error: BaseException) -> bool:
    """Whether a call may have failed because the bot's token or the Bot API's address is wrong.

    That is so of a proxy's or a strange server's 404 too, which is no refusal but a doubt.
    """
    return isinstance(error, TelegramError) and error.status in (401, 404)


def comes_too_late(error: Refused) -> bool:
    """Whether nothing was to come of the call any more: it answers a question that nobody waits on by now.

    Whatever a press is answered with, its spinner ends by itself, so no refusal of that is anything else.
    """
    if error.method not in _ANSWERS or may_be_the_bots(error):
        return False
    return error.method == "answerCallbackQuery" or any(each in error.description.lower() for each in _TOO_LATE)


def another_way_may_do(error: Refused) -> bool:
    """Whether other calls may succeed where this one was refused: not if nobody could have the message, or the bot is
    not known.
    """
    if may_be_the_bots(error):
        return False
    text = error.description.lower()
    if error.method.startswith("edit") and any(each in text for each in _NO_EDIT):
        return True
    if any(each in text for each in _NO_TOPIC):
        return True
    return not is_nobodys(error)


def is_nobodys(error: Refused) -> bool:
    """Whether nothing is wrong with the call: who was to have the message cannot have it, or does not want it."""
    if error.status != 400:
        return error.status == 403
    text = error.description.removeprefix(_BAD_REQUEST)
    if _CODE.fullmatch(text):
        return text in _CODES or text.startswith(_ABOUT_THE_USER) or not _WORDS.isdisjoint(text.split("_"))
    return _NOT_FOUND.match(text) is not None or any(each in text.lower() for each in _TEXTS)
