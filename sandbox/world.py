"""What there is in one Telegram: bots, users, chats, files; and the updates that wait for the bots."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sandbox.clock import Clock, TrioWallClock
from sandbox.files import Files
from sandbox.queues import expires_at, queue_key
from sandbox.rules import Rules
from sandbox.state import MAX_CHATS, BotState, ChatState, PendingUpdate, Question, SandboxFull

DEMO_TOKEN = "424242:sandbox-demo-token_not-a-secret_000"
MAX_PENDING = 100_000

_QUESTIONS = frozenset({"pre_checkout_query", "shipping_query"})


class World:
    """The state of one Telegram, and how it changes for whatever reason; who is interested learns of it by `watch`."""

    def __init__(
        self,
        tokens: Sequence[str] = (DEMO_TOKEN,),
        *,
        seed: int = 0,
        now: Clock | None = None,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self.now = now or TrioWallClock()
        self.rules = Rules()
        self.files = Files()
        self.users: dict[int, dict[str, Any]] = {}
        self._random = random.Random(seed)
        self._max_pending = max_pending
        self._watchers: list[Callable[[BotState], object]] = []
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

    def push_update(self, kind: str, body: dict[str, Any], *, token: str | None = None) -> PendingUpdate | None:
        """Put any update in line for the bot; None if its `allowed_updates` leave the kind out. Raises SandboxFull."""
        bot = self.bot(token)
        if not bot.wants(kind):
            return None
        self.check_room(bot)
        if kind in _QUESTIONS:
            bot.add_question(Question(str(body["id"]), self.now()))
        update_id, bot.next_update_id = bot.next_update_id, bot.next_update_id + 1
        queue = queue_key(kind, body, update_id)
        update = PendingUpdate(update_id, kind, body, queue, expires_at(kind, body, self.now()))
        bot.pending[update_id] = update
        self.notify(bot)
        return update

    def check_room(self, bot: BotState) -> None:
        """Raises SandboxFull if there is no place for one more update."""
        if len(bot.pending) >= self._max_pending:
            raise SandboxFull(f"{self._max_pending} updates are pending")

    def user(self, user_id: int, first_name: str, language_code: str | None) -> dict[str, Any]:
        """The User object, from now on with this name and language. Raises SandboxFull."""
        user = {"id": user_id, "is_bot": False, "first_name": first_name}
        if language_code is not None:
            user["language_code"] = language_code
        if len(self.users) >= MAX_CHATS and user_id not in self.users:
            raise SandboxFull(f"{MAX_CHATS} users exist")
        self.users[user_id] = user
        return user

    def chat(self, bot: BotState, info: dict[str, Any]) -> ChatState:
        """The chat with the id in `info`, made of it if there is none. Raises SandboxFull."""
        chat = bot.chats.get(info["id"])
        if chat is None:
            if len(bot.chats) >= MAX_CHATS:
                raise SandboxFull(f"{MAX_CHATS} chats exist")
            chat = bot.chats[info["id"]] = ChatState(info)
        return chat

    def new_query_id(self) -> str:
        """The id of a press or of an inline query."""
        return str(self._random.getrandbits(62))

    def _new_bot(self, token: str) -> BotState:
        user = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Sandbox",
            "username": "sandbox_bot",
        }
        # Far from the end of int32, so that ids stay sequential for as long as any test runs.
        return BotState(
            token, user, next_update_id=self._random.randrange(1, 2**30), rules=self.rules, files=self.files
        )
