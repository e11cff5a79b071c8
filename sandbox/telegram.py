"""Telegram as plain synchronous code: its Bot API methods, on top of its state (world.py) and its users (people.py).

No I/O and no waiting here: `call` decides at once. Long polls, deliveries, faults and the files behind URLs are added
by the shells around it, which learn of news from `watch`. Whether a socket server or an in-process transport asks makes
no difference.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from sandbox.answers import METHOD_NOT_FOUND, NOT_FOUND, UNAUTHORIZED, ApiAnswer, MethodFailed, Refusal
from sandbox.call_log import MAX_CALLS, CallLog, RecordedCall, loggable
from sandbox.clock import Clock
from sandbox.methods import METHODS, Method
from sandbox.params import Params, Upload
from sandbox.people import People
from sandbox.state import MAX_SENT, InlineQuery, MessageObject, Press, SentMessage
from sandbox.updates import delete_webhook, get_updates, get_webhook_info, set_webhook
from sandbox.world import DEMO_TOKEN as DEMO_TOKEN
from sandbox.world import MAX_PENDING

_TOKEN = re.compile(r"[0-9]{1,19}:[A-Za-z0-9_-]{10,100}")
_NOTHING_FETCHED: Mapping[str, Upload] = MappingProxyType({})


class Telegram(People):
    """The state of one Telegram and everything that can happen to it.

    `tokens` register the bots; the first is meant where no token is given. `now` returns Unix time (default: a clock
    that follows Trio's, for use inside Trio). `strict_webhooks` refuses webhooks that the public server would refuse.
    `rules` may be changed at any time. `kept_calls` is how many calls the log has at most, `kept_sent` how many
    messages `sent` tells of.
    Every user acts through the `user_*` methods; who has sent a text has started the bot.
    """

    def __init__(
        self,
        tokens: Sequence[str] = (DEMO_TOKEN,),
        *,
        seed: int = 0,
        now: Clock | None = None,
        strict_webhooks: bool = False,
        max_pending: int = MAX_PENDING,
        kept_calls: int = MAX_CALLS,
        kept_sent: int = MAX_SENT,
    ) -> None:
        super().__init__(tokens, seed=seed, now=now, max_pending=max_pending)
        self.call_log = CallLog(kept_calls)
        for bot in self.bots.values():
            bot.sent = deque(maxlen=kept_sent)
        self._methods = _method_table(strict_webhooks)

    def call(
        self,
        token: str,
        method: str,
        params: Mapping[str, Any],
        *,
        fault: str | None = None,
        arrived_at: float | None = None,
        fetched: Mapping[str, Upload] = _NOTHING_FETCHED,
    ) -> ApiAnswer:
        """Perform one method and record it in the call log. Never raises.

        `fault` is the one that was ordered for it; it arrived at the Unix time `arrived_at`, or just now. `fetched` are
        the files behind those of its URLs that could be fetched.
        """
        answer = self.perform(token, method, params, fetched=fetched)
        self.record(token, method, params, answer.status, fault=fault, arrived_at=arrived_at)
        return answer

    def perform(
        self,
        token: str,
        method: str,
        params: Mapping[str, Any],
        *,
        fetched: Mapping[str, Upload] = _NOTHING_FETCHED,
    ) -> ApiAnswer:
        """Perform one method without recording it. Never raises."""
        _, perform = self._methods.get(method.lower(), (method, None))
        bot = self.bots.get(token)
        if bot is None:
            return (UNAUTHORIZED if _TOKEN.fullmatch(token) else NOT_FOUND).answer()
        if perform is None:
            return METHOD_NOT_FOUND.answer()
        before = bot.webhook, bot.polls
        try:
            return perform(bot, Params(params, fetched), self.now())
        except MethodFailed as refused:
            return self.rules.in_words(refused.refusal).answer()
        finally:
            # Also after a refusal: a rejected setWebhook has closed the old webhook and ended the long poll.
            if (bot.webhook, bot.polls) != before:
                self.notify(bot)

    def record(
        self,
        token: str,
        method: str,
        params: Mapping[str, Any],
        status: int,
        *,
        fault: str | None = None,
        arrived_at: float | None = None,
    ) -> None:
        """Record a call; `status` 0 if it had no effect and no answer. Unknown tokens are left out."""
        bot = self.bots.get(token)
        if bot is not None:
            name, _ = self._methods.get(method.lower(), (method, None))
            now = self.now()
            arrived_at = now if arrived_at is None else arrived_at
            self.call_log.record(RecordedCall(now, bot.id, name, loggable(params), status, arrived_at, fault))

    def refuse_chat(self, chat_id: int, refusal: Refusal | None, *, token: str | None = None) -> None:
        """Answer every call to the chat with `refusal` (DEACTIVATED, KICKED, upgraded(...)), or lift that with None."""
        self.bot(token).chats[chat_id].refusal = refusal

    def refuse_edits(self, chat_id: int, message_id: int, *, token: str | None = None) -> None:
        """From now on the message can't be edited by the bot. Raises LookupError if there is no such message."""
        self.bot(token).chats[chat_id].messages[message_id].editable = False

    # What users see

    def messages(self, chat_id: int, *, token: str | None = None) -> list[MessageObject]:
        """The chat as it shows on the screen, both sides, oldest first; empty for a chat that does not exist."""
        chat = self.bot(token).chats.get(chat_id)
        return [message.body for message in chat.messages.values()] if chat else []

    def sent(self, chat_id: int | None = None, *, since: float = 0.0, token: str | None = None) -> list[SentMessage]:
        """What the bot was let send, oldest first, also what has been edited or deleted since.

        To one chat or to all, at the Unix time `since` or later.
        """
        return [
            message for message in self.bot(token).sent if chat_id in (None, message.chat_id) and message.at >= since
        ]

    def presses(self, user_id: int, *, token: str | None = None) -> list[Press]:
        """The user's button presses, oldest first; those not `answered` show a spinner."""
        return [press for press in self.bot(token).presses.values() if press.user_id == user_id]

    def inline_queries(self, user_id: int, *, token: str | None = None) -> list[InlineQuery]:
        """The user's inline queries, oldest first, with what was answered."""
        return [query for query in self.bot(token).inline_queries.values() if query.user_id == user_id]


def _method_table(strict_webhooks: bool) -> dict[str, tuple[str, Method]]:
    methods: dict[str, Method] = {
        **METHODS,
        "getUpdates": get_updates,
        "setWebhook": partial(set_webhook, strict=strict_webhooks),
        "deleteWebhook": delete_webhook,
        "getWebhookInfo": get_webhook_info,
    }
    # Method names are case-insensitive; the call log keeps the usual spelling.
    return {name.lower(): (name, method) for name, method in methods.items()}
