"""The kinds of updates, which queue each waits in, and for how long: the webhook's order and expiry as tables.

Source: Client.cpp of tdlib/telegram-bot-api (`get_update_type_name`, and the calls of `add_update`). Updates of one
queue are delivered one after another, queues side by side. A message and a button press of the same chat are in
different queues, so nothing orders them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

DAY = 86_400.0

UPDATE_KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "message_reaction",
    "message_reaction_count",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "purchased_paid_media",
    "managed_bot",
    "guest_message",
    "subscription",
    "stopped_message_generation",
)
"""The names that `allowed_updates` may have (Bot API 10.3), in the order in which getWebhookInfo lists them."""

NOT_SENT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that arrive only when `allowed_updates` names them (Bot API documentation, setWebhook)."""

_Body = dict[str, Any]
_Key = Callable[[_Body], Any]


def _chat(body: _Body) -> Any:
    return body["chat"]["id"]


def _sender(body: _Body) -> Any:
    return body["from"]["id"]


def _queue(name: str, key: _Key, *kinds: str) -> dict[str, tuple[str, _Key]]:
    return dict.fromkeys(kinds, (name, key))


_QUEUES: dict[str, tuple[str, _Key]] = {
    **_queue("chat", _chat, "message", "edited_message", "channel_post", "edited_channel_post"),
    **_queue("inline", _sender, "inline_query"),
    **_queue("chosen", _sender, "chosen_inline_result"),
    **_queue("press", _sender, "callback_query"),
    **_queue("payment", _sender, "shipping_query", "pre_checkout_query"),
    **_queue("my membership", _chat, "my_chat_member"),
    **_queue("membership", lambda body: body["old_chat_member"]["user"]["id"], "chat_member"),
    **_queue("membership", _sender, "chat_join_request"),
    **_queue("boost", _chat, "chat_boost", "removed_chat_boost"),
    **_queue("reaction", _chat, "message_reaction"),
    **_queue("reactions", _chat, "message_reaction_count"),
    **_queue("business connection", lambda body: body["user"]["id"], "business_connection"),
    **_queue("business", _chat, "business_message", "edited_business_message", "deleted_business_messages"),
    **_queue("poll", lambda body: body["id"], "poll"),
    **_queue("poll", lambda body: body["poll_id"], "poll_answer"),
}

_LIFETIME = {
    "callback_query": 150.0,
    "shipping_query": 150.0,
    "pre_checkout_query": 150.0,
    "inline_query": 30.0,
    "chosen_inline_result": 600.0,
}
_MESSAGES = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_message",
        "edited_business_message",
    }
)
_DATED = frozenset({"my_chat_member", "chat_member", "chat_join_request", "message_reaction", "message_reaction_count"})


def queue_key(kind: str, body: _Body, update_id: int) -> Hashable:
    """The queue of an update; a kind without one of its own, or one that nobody knows, is alone in its queue."""
    if kind not in _QUEUES:
        return "alone", update_id
    name, key = _QUEUES[kind]
    return name, key(body)


def expires_at(kind: str, body: _Body, now: float) -> float:
    """The Unix time after which Telegram gives up: 24 h after the date that the update has, sooner for queries.

    The date of an edited message is that of the edit (`edit_date_ == 0 ? date_ : edit_date_`).
    """
    if kind in _MESSAGES:
        return float(body.get("edit_date") or body["date"]) + DAY
    if kind in _DATED:
        return float(body.get("date", now)) + DAY
    return now + _LIFETIME.get(kind, DAY)
