"""Telegram as plain synchronous code: its state, its Bot API methods, and users who act.

No I/O and no waiting here: `call` decides at once. Long polls, deliveries and faults are added by the shells around
it, which learn of news from `watch`. Whether a socket server or an in-process transport asks makes no difference.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sandbox.answers import BLOCKED, METHOD_NOT_FOUND, NOT_FOUND, UNAUTHORIZED, ApiAnswer, MethodFailed, Refusal
from sandbox.call_log import CallLog, RecordedCall
from sandbox.clock import Clock, TrioWallClock
from sandbox.methods import MESSAGE_METHODS, Method
from sandbox.params import Params
from sandbox.queues import expires_at, queue_key
from sandbox.rules import Rules
from sandbox.state import MAX_CHATS, BotState, ChatState, MessageObject, PendingUpdate, Press, SandboxFull, SentMessage
from sandbox.updates import delete_webhook, get_updates, get_webhook_info, set_webhook

DEMO_TOKEN = "424242:sandbox-demo-token_not-a-secret_000"
MAX_PENDING = 100_000

_TOKEN = re.compile(r"[0-9]{1,19}:[A-Za-z0-9_-]{10,100}")


class Telegram:
    """The state of one Telegram and everything that can happen to it.

    `tokens` register the bots; the first is meant where no token is given. `now` returns Unix time (default: a clock
    that follows Trio's, for use inside Trio). `strict_webhooks` refuses webhooks that the public server would refuse.
    `rules` may be changed at any time.
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
    ) -> None:
        self.now = now or TrioWallClock()
        self.call_log = CallLog()
        self.rules = Rules()
        self.users: dict[int, dict[str, Any]] = {}
        self._random = random.Random(seed)
        self._max_pending = max_pending
        self._watchers: list[Callable[[BotState], object]] = []
        self._methods = _method_table(strict_webhooks)
        self.bots = {token: self._new_bot(token) for token in tokens}

    def watch(self, watcher: Callable[[BotState], object]) -> None:
        """Call `watcher(bot)` after every new update, changed webhook or new poll. It must not raise or wait."""
        self._watchers.append(watcher)

    @contextmanager
    def watched(self, watcher: Callable[[BotState], object]) -> Iterator[None]:
        """Like `watch`, for as long as the block lasts."""
        self.watch(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    def notify(self, bot: BotState) -> None:
        """Tell the watchers that something is new for the bot."""
        for watcher in self._watchers:
            watcher(bot)

    def bot(self, token: str | None = None) -> BotState:
        """The bot with this token, or the first one. Raises KeyError."""
        return self.bots[token] if token is not None else next(iter(self.bots.values()))

    # The Bot API

    def call(
        self,
        token: str,
        method: str,
        params: Mapping[str, Any],
        *,
        fault: str | None = None,
        arrived_at: float | None = None,
    ) -> ApiAnswer:
        """Perform one method and record it in the call log. Never raises.

        `fault` is the one that was ordered for it; it arrived at the Unix time `arrived_at`, or just now.
        """
        answer = self.perform(token, method, params)
        self.record(token, method, params, answer.status, fault=fault, arrived_at=arrived_at)
        return answer

    def perform(self, token: str, method: str, params: Mapping[str, Any]) -> ApiAnswer:
        """Perform one method without recording it. Never raises."""
        _, perform = self._methods.get(method.lower(), (method, None))
        bot = self.bots.get(token)
        if bot is None:
            return (UNAUTHORIZED if _TOKEN.fullmatch(token) else NOT_FOUND).answer()
        if perform is None:
            return METHOD_NOT_FOUND.answer()
        webhook = bot.webhook
        try:
            return perform(bot, Params(params), self.now())
        except MethodFailed as refused:
            return self.rules.in_words(refused.refusal).answer()
        finally:
            # Also after a refusal: a rejected setWebhook has closed the old webhook.
            if bot.webhook is not webhook:
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
            self.call_log.record(RecordedCall(now, bot.id, name, params, status, arrived_at, fault))

    # What users do

    def user_sends_text(
        self,
        user_id: int,
        text: str,
        *,
        language_code: str | None = "en",
        first_name: str = "User",
        chat_type: str = "private",
        chat_id: int | None = None,
        token: str | None = None,
    ) -> PendingUpdate | None:
        """A user writes to the bot, or into a group (`chat_type` "group" or "supergroup", with its negative `chat_id`).

        In private this also starts or unblocks the bot. Returns the update; None if the bot does not want messages.
        Raises SandboxFull, and ValueError for an empty text.
        """
        if not text:
            raise ValueError("a message needs a text")
        bot = self.bot(token)
        self._check_room(bot)
        user = self._user(user_id, first_name, language_code)
        if chat_type == "private":
            chat = self._chat(bot, {"id": user_id, "first_name": first_name, "type": chat_type})
            self._set_blocked(bot, chat, user, blocked=False)
        elif chat_id is None:
            raise ValueError("a group needs a chat_id")
        else:
            chat = self._chat(bot, {"id": chat_id, "title": "Group", "type": chat_type})
        message = bot.new_message(chat, user, self.now(), {"text": text})
        if command := re.match(r"/[A-Za-z0-9_@]+", text):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": command.end()}]
        return self.push_update("message", dict(message), token=token)

    def user_presses(
        self,
        user_id: int,
        chat_id: int,
        message_id: int,
        callback_data: str,
        *,
        token: str | None = None,
    ) -> PendingUpdate | None:
        """A user presses a button of a message. Any data goes, as from a modified app or an outdated screen.

        Returns the update; None if the bot does not want presses. Raises LookupError if there is no such message.
        """
        bot = self.bot(token)
        self._check_room(bot)
        message = bot.chats[chat_id].messages[message_id].body
        query_id = str(self._random.getrandbits(62))
        bot.add_press(Press(query_id, user_id, chat_id, message_id, callback_data, self.now()))
        body = {
            "id": query_id,
            "from": self.users[user_id],
            "message": dict(message),
            "chat_instance": str(chat_id * 1_000_003),
            "data": callback_data,
        }
        return self.push_update("callback_query", body, token=token)

    def user_blocks_bot(self, user_id: int, *, token: str | None = None) -> PendingUpdate | None:
        """A user blocks the bot: calls to the chat get 403 until the next text, and a my_chat_member update comes.

        Raises KeyError for a user who never wrote.
        """
        bot = self.bot(token)
        return self._set_blocked(bot, bot.chats[user_id], self.users[user_id], blocked=True)

    def refuse_chat(self, chat_id: int, refusal: Refusal | None, *, token: str | None = None) -> None:
        """Answer every call to the chat with `refusal` (DEACTIVATED, KICKED, upgraded(...)), or lift that with None."""
        self.bot(token).chats[chat_id].refusal = refusal

    def push_update(self, kind: str, body: dict[str, Any], *, token: str | None = None) -> PendingUpdate | None:
        """Put any update in line for the bot; None if its `allowed_updates` leave the kind out. Raises SandboxFull."""
        bot = self.bot(token)
        if not bot.wants(kind):
            return None
        self._check_room(bot)
        update_id, bot.next_update_id = bot.next_update_id, bot.next_update_id + 1
        queue = queue_key(kind, body, update_id)
        update = PendingUpdate(update_id, kind, body, queue, expires_at(kind, body, self.now()))
        bot.pending[update_id] = update
        self.notify(bot)
        return update

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

    def _new_bot(self, token: str) -> BotState:
        user = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Sandbox",
            "username": "sandbox_bot",
        }
        # Far from the end of int32, so that ids stay sequential for as long as any test runs.
        return BotState(token, user, next_update_id=self._random.randrange(1, 2**30), rules=self.rules)

    def _user(self, user_id: int, first_name: str, language_code: str | None) -> dict[str, Any]:
        user = {"id": user_id, "is_bot": False, "first_name": first_name}
        if language_code is not None:
            user["language_code"] = language_code
        if len(self.users) >= MAX_CHATS and user_id not in self.users:
            raise SandboxFull(f"{MAX_CHATS} users exist")
        self.users[user_id] = user
        return user

    def _chat(self, bot: BotState, info: dict[str, Any]) -> ChatState:
        chat = bot.chats.get(info["id"])
        if chat is None:
            if len(bot.chats) >= MAX_CHATS:
                raise SandboxFull(f"{MAX_CHATS} chats exist")
            chat = bot.chats[info["id"]] = ChatState(info)
        return chat

    def _check_room(self, bot: BotState) -> None:
        if len(bot.pending) >= self._max_pending:
            raise SandboxFull(f"{self._max_pending} updates are pending")

    def _set_blocked(
        self, bot: BotState, chat: ChatState, user: dict[str, Any], *, blocked: bool
    ) -> PendingUpdate | None:
        if (chat.refusal is BLOCKED) == blocked:
            return None
        chat.refusal = BLOCKED if blocked else None
        old, new = ("member", "kicked") if blocked else ("kicked", "member")
        body = {
            "chat": chat.info,
            "from": user,
            "date": int(self.now()),
            "old_chat_member": {"user": bot.user, "status": old},
            "new_chat_member": {"user": bot.user, "status": new},
        }
        return self.push_update("my_chat_member", body, token=bot.token)


def _method_table(strict_webhooks: bool) -> dict[str, tuple[str, Method]]:
    methods: dict[str, Method] = {
        **MESSAGE_METHODS,
        "getUpdates": get_updates,
        "setWebhook": partial(set_webhook, strict=strict_webhooks),
        "deleteWebhook": delete_webhook,
        "getWebhookInfo": get_webhook_info,
    }
    # Method names are case-insensitive; the call log keeps the usual spelling.
    return {name.lower(): (name, method) for name, method in methods.items()}
