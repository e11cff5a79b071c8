"""Which queue an update waits in, and for how long: the webhook's order and expiry as tables.

Source: Client.cpp of tdlib/telegram-bot-api. Updates of one queue are delivered one after another, queues side by
side. A message and a button press of the same chat are in different queues, so nothing orders them.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

DAY = 86_400.0

_ONE_QUEUE_PER_CHAT = frozenset({"message", "edited_message", "channel_post", "edited_channel_post"})
_OWN_QUEUE_PER_USER = frozenset(
    {
        "callback_query",
        "inline_query",
        "chosen_inline_result",
        "shipping_query",
        "pre_checkout_query",
        "chat_member",
        "chat_join_request",
    }
)
_OWN_QUEUE_PER_CHAT = frozenset(
    {
        "my_chat_member",
        "chat_boost",
        "removed_chat_boost",
        "message_reaction",
        "message_reaction_count",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
    }
)
_LIFETIME = {
    "callback_query": 150.0,
    "shipping_query": 150.0,
    "pre_checkout_query": 150.0,
    "inline_query": 30.0,
    "chosen_inline_result": 600.0,
}

NOT_SENT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that arrive only when `allowed_updates` names them (Bot API documentation, setWebhook)."""


def queue_key(kind: str, body: dict[str, Any], update_id: int) -> Hashable:
    """The queue of an update; a kind nobody knows gets a queue to itself."""
    if kind in _ONE_QUEUE_PER_CHAT:
        return "chat", body["chat"]["id"]
    if kind in _OWN_QUEUE_PER_USER:
        return kind, body["from"]["id"]
    if kind in _OWN_QUEUE_PER_CHAT:
        return kind, body["chat"]["id"]
    if kind in {"poll", "poll_answer"}:
        return "poll", body["id" if kind == "poll" else "poll_id"]
    return "alone", update_id


def expires_at(kind: str, body: dict[str, Any], now: float) -> float:
    """The Unix time after which Telegram gives up: 24 h after a message's own date, sooner for queries."""
    if kind in _ONE_QUEUE_PER_CHAT:
        return float(body["date"]) + DAY
    return now + _LIFETIME.get(kind, DAY)
