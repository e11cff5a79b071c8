"""A sandbox Telegram that answers probes as the Bot API server does: it refuses them."""

from __future__ import annotations

from typing import Any

from sandbox.answers import EDIT_FORBIDDEN, EDIT_NOT_FOUND, ApiAnswer, MethodFailed, bad_request
from sandbox.call_log import RecordedCall
from sandbox.methods import edit_message_reply_markup
from sandbox.params import Params
from sandbox.state import BotState
from sandbox.telegram import DEMO_TOKEN, Telegram
from telegram_client.probes import PROBE, is_probe

KEYBOARD_EXPECTED = bad_request("inline keyboard expected")


def teach_probes(telegram: Telegram) -> None:
    """Have an edit refused whose keyboard is none of a message, after the message has been looked at."""
    telegram._methods[PROBE.lower()] = PROBE, _edit


def _edit(bot: BotState, params: Params, now: float) -> ApiAnswer:
    if not is_probe(PROBE, params.raw):
        return edit_message_reply_markup(bot, params, now)
    chat = bot.chats.get(params.integer("chat_id"))
    if chat is not None and chat.refusal is not None:
        raise MethodFailed(chat.refusal)
    message = chat.messages.get(params.integer("message_id")) if chat is not None else None
    if message is None:
        raise MethodFailed(EDIT_NOT_FOUND)
    raise MethodFailed(KEYBOARD_EXPECTED if message["from"]["id"] == bot.id else EDIT_FORBIDDEN)


def probes(telegram: Telegram, chat_id: int | None = None) -> list[RecordedCall]:
    """The probes that were made, answered or not."""
    return [call for call in telegram.call_log.find(PROBE, chat_id=chat_id) if is_probe(PROBE, call.params)]


def bot_says(telegram: Telegram, chat_id: int, text: str) -> int:
    """A message of the bot's own that nobody here has sent; returns its id."""
    params: dict[str, Any] = {"chat_id": chat_id, "text": text}
    result: dict[str, Any] = telegram.call(DEMO_TOKEN, "sendMessage", params).body["result"]
    message_id: int = result["message_id"]
    return message_id
