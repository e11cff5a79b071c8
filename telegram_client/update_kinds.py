"""Which kinds of updates Telegram is asked for (`allowed_updates` of setWebhook and getUpdates)."""

from __future__ import annotations

from collections.abc import Collection

DEFAULT_KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
)
"""What Telegram sends unasked: https://core.telegram.org/bots/api#update without those that setWebhook excludes
(chat_member, message_reaction, message_reaction_count).
"""


def kinds_to_ask_for(more: Collection[str] = ()) -> list[str]:
    """The value of `allowed_updates` for the default kinds and these.

    An empty list means the default kinds, those that Telegram adds later as well; who wants more has to name them all.
    Left out, it would mean those that an earlier bot with this token asked for.
    """
    added = [kind for kind in dict.fromkeys(more) if kind not in DEFAULT_KINDS]
    return [*DEFAULT_KINDS, *added] if added else []
