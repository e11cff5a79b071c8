"""The probes that a sandbox Telegram has seen, and messages of the bot's own that nobody sent."""

from __future__ import annotations

from typing import Any

from sandbox.call_log import RecordedCall
from sandbox.telegram import DEMO_TOKEN, Telegram
from telegram_client.probes import PROBE, is_probe


def probes(telegram: Telegram, chat_id: int | None = None) -> list[RecordedCall]:
    """The probes that were made, answered or not."""
    return [call for call in telegram.call_log.find(PROBE, chat_id=chat_id) if is_probe(PROBE, call.params)]


def bot_says(telegram: Telegram, chat_id: int, text: str) -> int:
    """A message of the bot's own that nobody here has sent; returns its id."""
    params: dict[str, Any] = {"chat_id": chat_id, "text": text}
    result: dict[str, Any] = telegram.call(DEMO_TOKEN, "sendMessage", params).body["result"]
    message_id: int = result["message_id"]
    return message_id
