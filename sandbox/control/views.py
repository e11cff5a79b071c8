"""What the page is told: a chat as its user sees it, the people, a call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

from sandbox.bot_settings import suggested_commands
from sandbox.call_log import RecordedCall
from sandbox.control.accounts import Account, Accounts
from sandbox.state import BotState, ChatState, InlineQuery, Press
from sandbox.telegram import Telegram

MESSAGES_SHOWN = 200
PRESSES_SHOWN = 20
QUERIES_SHOWN = 5
LOOKED_AT = 5_000
"""Presses and queries of all users, the newest: under load those of one user are looked for no further back."""
SPINNER = 30.0
"""Seconds after which the app gives up waiting for the answer to a press that the bot has."""
TEXT_SHOWN = 2_000


def chat_view(telegram: Telegram, user_id: int, account: Account | None) -> dict[str, Any]:
    """The chat of a user with the first bot.

    `pending_message_ids` are of messages that the bot has not taken yet, `edited_message_ids` of those that say so.
    """
    bot, now = telegram.bot(), telegram.now()
    chat = bot.chats.get(user_id) or ChatState({})
    user = telegram.users.get(user_id, {})
    language = account.language_code if account else user.get("language_code", "")
    messages = list(islice(reversed(chat.messages.values()), MESSAGES_SHOWN))[::-1]
    return {
        "messages": [message.body for message in messages],
        "pending_message_ids": [message.body["message_id"] for message in messages if message.update_id in bot.pending],
        "edited_message_ids": [message.body["message_id"] for message in messages if message.reworded],
        "presses": [_press_view(bot, press, now) for press in _latest(bot.presses.values(), user_id, PRESSES_SHOWN)],
        "inline_queries": [asdict(query) for query in _latest(bot.inline_queries.values(), user_id, QUERIES_SHOWN)],
        "action": chat.action if now < chat.action_until else "",
        "draft": chat.draft,
        "keyboard": chat.keyboard,
        "blocked": chat.refusal is not None,
        "bot": bot.user,
        "commands": suggested_commands(bot, user_id, language),
    }


def people_view(telegram: Telegram, accounts: Accounts) -> list[dict[str, Any]]:
    """Everybody on the page, with the ids of the newest messages that the bot has sent them."""
    chats = telegram.bot().chats
    return [{**asdict(account), "bot_message_ids": _from_bot(chats.get(account.id))} for account in accounts.all()]


def call_view(call: RecordedCall) -> dict[str, Any]:
    """A call for the log: long texts among its parameters are cut."""
    params = {name: _short(value) for name, value in call.params.items()}
    return {
        "at": call.at,
        "arrived_at": call.arrived_at,
        "method": call.method,
        "chat_id": call.chat_id,
        "status": call.status,
        "fault": call.fault,
        "params": params,
    }


def _press_view(bot: BotState, press: Press, now: float) -> dict[str, Any]:
    pending = press.update_id in bot.pending
    return {**asdict(press), "pending": pending, "spins": not press.answered and (pending or now < press.at + SPINNER)}


def _from_bot(chat: ChatState | None) -> list[int]:
    newest = islice(reversed(chat.messages.values()), MESSAGES_SHOWN) if chat else ()
    return [message.body["message_id"] for message in newest if message.body["from"]["is_bot"]][::-1]


def _latest(kept: Any, user_id: int, count: int) -> list[Any]:
    """The newest that are this user's, oldest first."""
    newest: Iterable[Press | InlineQuery] = islice(reversed(kept), LOOKED_AT)
    return list(islice((one for one in newest if one.user_id == user_id), count))[::-1]


def _short(value: Any) -> Any:
    too_long = isinstance(value, str) and len(value) > TEXT_SHOWN
    return f"{value[:TEXT_SHOWN]}… ({len(value)} characters)" if too_long else value
