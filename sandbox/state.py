"""What Telegram remembers: bots, chats with their messages, updates not yet taken, button presses."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sandbox.answers import Refusal
from sandbox.files import Files
from sandbox.message_ids import MessageIds
from sandbox.queues import NOT_SENT_BY_DEFAULT
from sandbox.rules import Rules

_Kept = TypeVar("_Kept")

MessageObject = dict[str, Any]
"""A Message object of the Bot API."""

MAX_MESSAGES_PER_CHAT = 1_000
MAX_CHATS = 200_000
MAX_QUERIES = 100_000
MAX_SENT = 500_000


class SandboxFull(Exception):
    """A bound of the sandbox was reached; nothing was changed."""


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """One update that waits for its bot. `expires_at` is Unix time."""

    id: int
    kind: str
    body: dict[str, Any]
    queue: Hashable
    expires_at: float

    def as_object(self) -> dict[str, Any]:
        """The Update object, as getUpdates returns it."""
        return {"update_id": self.id, self.kind: self.body}

    def encode(self) -> bytes:
        """The body of a webhook request, byte for byte as Telegram lays it out."""
        body = json.dumps(self.body, ensure_ascii=True, separators=(",", ":"))
        return f'{{"update_id":{self.id},\n"{self.kind}":{body}}}'.encode()


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Settings of a webhook. `ip_address` is the one that the bot has fixed, "" if that of the URL's host is meant."""

    url: str
    secret_token: str = ""
    max_connections: int = 40
    ip_address: str = ""


@dataclass(slots=True)
class Press:
    """A press of a callback button; the app shows a spinner until it is answered.

    `update_id` is that of the update by which the bot learns of it, if it wants such.
    """

    id: str
    user_id: int
    chat_id: int
    message_id: int
    data: str
    at: float
    answered: bool = False
    text: str = ""
    show_alert: bool = False
    url: str = ""
    update_id: int | None = None


@dataclass(slots=True)
class InlineQuery:
    """What a user has typed behind the bot's name, and what the bot has answered."""

    id: str
    user_id: int
    query: str
    offset: str
    at: float
    answered: bool = False
    results: list[dict[str, Any]] = field(default_factory=list)
    next_offset: str = ""
    button: dict[str, Any] | None = None
    cache_time: int = 300
    is_personal: bool = False


@dataclass(slots=True)
class Question:
    """A pre_checkout_query or a shipping_query; `ok` is the bot's answer, None as long as there is none."""

    id: str
    at: float
    ok: bool | None = None
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message of the bot's as it was accepted, at this Unix time.

    `text` is its text or its caption. Of one with a file, `file_id` is that file's, and `source` what the bot gave: a
    URL, a file_id, or the name of an upload.
    """

    at: float
    chat_id: int
    message_id: int
    text: str
    method: str = "sendMessage"
    file_id: str | None = None
    source: str | None = None


@dataclass(slots=True)
class StoredMessage:
    """A message as the server keeps it: what clients are told of it, and what only edits ask about.

    `made_at` is Unix time. `editable`: whether the bot may edit it: it is the bot's own, no forward and no service
    message, and was not sent with a reply keyboard, force_reply or remove_keyboard. `inline_id` is the
    inline_message_id of one that a user has sent through the bot's inline mode. `update_id` is that of the last update
    by which the bot learns of a user's message, if it wants such. `reworded`: its content was edited, and not only its
    keyboard. Apps say "edited" only then, while bots are told an `edit_date` of either.
    """

    body: MessageObject
    made_at: float
    editable: bool
    inline_id: str | None = None
    update_id: int | None = None
    reworded: bool = False


@dataclass(slots=True)
class ChatState:
    """A chat of one bot. `refusal` is what every call to it is answered with, if set.

    `threads` are the ids of the threads in it, `draft` is what the bot shows of a message that it is writing, `action`
    what it does until the Unix time `action_until`. `keyboard` is what the user has under the text field: the
    markup of a reply keyboard or a force_reply, with the `message_id` of the message that brought it. `keeps` is how
    many messages it has at most.
    """

    info: dict[str, Any]
    messages: dict[int, StoredMessage] = field(default_factory=dict)
    refusal: Refusal | None = None
    action: str = ""
    action_until: float = 0.0
    draft: str = ""
    keyboard: dict[str, Any] | None = None
    threads: set[int] = field(default_factory=set)
    menu_button: dict[str, Any] | None = None
    keeps: int = MAX_MESSAGES_PER_CHAT

    def add(self, message: StoredMessage) -> None:
        """Store a message; the oldest goes if there are too many."""
        self.messages[message.body["message_id"]] = message
        while len(self.messages) > self.keeps:
            del self.messages[next(iter(self.messages))]


@dataclass(slots=True)
class BotState:
    """One bot and everything that belongs to it."""

    token: str
    user: dict[str, Any]
    next_update_id: int
    rules: Rules
    chats: dict[int, ChatState] = field(default_factory=dict)
    pending: dict[int, PendingUpdate] = field(default_factory=dict)
    presses: dict[str, Press] = field(default_factory=dict)
    files: Files = field(default_factory=Files)
    inline_queries: dict[str, InlineQuery] = field(default_factory=dict)
    inline_messages: dict[str, StoredMessage] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    # By scope and language, and by method and language.
    commands: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    menu_button: dict[str, Any] = field(default_factory=lambda: {"type": "default"})
    webhook: WebhookSettings | None = None
    allowed_updates: frozenset[str] | None = None
    last_error_date: int | None = None
    last_error_message: str = ""
    webhook_calls_from: float = 0.0
    message_ids: MessageIds = field(default_factory=MessageIds)
    # What it was let send last: also what has been edited or deleted since.
    sent: deque[SentMessage] = field(default_factory=deque)
    albums: int = 0
    # Long polls are numbered: one that is not the newest, or whose end was ordered, answers 409.
    polls: int = 0
    poll_refusal: Refusal | None = None
    # The last getUpdates, and from when on a 409 is answered at once again: Unix times.
    poll_offset: int = -1
    poll_started_at: float = 0.0
    conflicts_from: float = 0.0

    @property
    def id(self) -> int:
        """The bot's user id, the number before the token's colon."""
        bot_id: int = self.user["id"]
        return bot_id

    def wants(self, kind: str) -> bool:
        """Whether updates of this kind are kept for the bot."""
        if self.allowed_updates is None:
            return kind not in NOT_SENT_BY_DEFAULT
        return kind in self.allowed_updates

    def new_message(
        self, chat: ChatState, sender: dict[str, Any], now: float, content: dict[str, Any], *, editable: bool = False
    ) -> MessageObject:
        """A new message in `chat`, stored; `content` is what its kind has (`text`, `reply_markup`, ...)."""
        body: MessageObject = {
            "message_id": self.message_ids.next(chat.info["id"], chat.info["type"], self.rules.ids),
            "from": sender,
            "chat": chat.info,
            "date": int(now),
            **content,
        }
        chat.add(StoredMessage(body, now, editable))
        return body

    def send(
        self,
        chat: ChatState,
        now: float,
        content: dict[str, Any],
        *,
        editable: bool,
        method: str = "sendMessage",
        file_id: str | None = None,
        source: str | None = None,
    ) -> MessageObject:
        """A new message of the bot's, which is noted among those that it was let send."""
        body = self.new_message(chat, self.user, now, content, editable=editable)
        text = content.get("text", content.get("caption", ""))
        self.sent.append(SentMessage(now, chat.info["id"], body["message_id"], text, method, file_id, source))
        chat.action = chat.draft = ""
        return body

    def new_album(self) -> str:
        """The media_group_id of a new album."""
        self.albums += 1
        return str(self.id * 1_000_000 + self.albums)

    def add_press(self, press: Press) -> None:
        """Remember a press for answerCallbackQuery; the oldest is forgotten if there are too many."""
        _add(self.presses, press.id, press)

    def add_inline_query(self, query: InlineQuery) -> None:
        """Remember a query for answerInlineQuery; the oldest is forgotten if there are too many."""
        _add(self.inline_queries, query.id, query)

    def add_inline_message(self, message: StoredMessage) -> None:
        """Remember a message that can be edited by its inline_message_id."""
        assert message.inline_id is not None
        _add(self.inline_messages, message.inline_id, message)

    def add_question(self, question: Question) -> None:
        """Remember a question for answerPreCheckoutQuery or answerShippingQuery."""
        _add(self.questions, question.id, question)


def _add(kept: dict[str, _Kept], key: str, value: _Kept) -> None:
    """Keep one more; the oldest is forgotten if there are too many."""
    kept[key] = value
    if len(kept) > MAX_QUERIES:
        del kept[next(iter(kept))]
