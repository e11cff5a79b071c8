"""Who writes what: new people send /start; those who have had an answer write a word or press a button, one at a time.

A message's number makes its ids, and stands in what is looked for. So whatever is answered names the message that it
answers, and nothing has to be remembered of those that are over.
"""

from __future__ import annotations

import json
import random
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FIRST_UPDATE = 1_000_000_000
"""Above the ids of the rows that are there at the beginning."""
FIRST_CHAT = 2_000_000_000
MOST_KNOWN = 4_000
"""People who may write again. With three hundred messages a second each of them does every twenty seconds."""
NEWCOMERS = 1 / 3
PRESSES = 0.5
"""Of what people write who are known already."""
_WORD = re.compile(r"qz(\d+)")


class Kind(StrEnum):
    """What somebody does."""

    START = "start"
    WORD = "word"
    PRESS = "press"


@dataclass(slots=True)
class Person:
    """Somebody in a private chat with the bot, and the id of the bot's latest message there (0: none yet)."""

    chat_id: int
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody has written or pressed: the how manieth it is of all, and when it was due by the clock that only
    measures. `sent_id` is its own id in the chat, 0 for a press.
    """

    number: int
    kind: Kind
    person: Person
    due: float
    sent_id: int = 0

    @property
    def update_id(self) -> int:
        """The id of the update that brings it."""
        return FIRST_UPDATE + self.number


class People:
    """Draws who writes next. Whoever waits for an answer writes nothing meanwhile, so no chat has two at once."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._known: deque[Person] = deque()

    def next(self, number: int) -> tuple[Kind, Person]:
        """Who does what as the `number`-th."""
        if not self._known or self._rng.random() < NEWCOMERS:
            return Kind.START, Person(FIRST_CHAT + number)
        kind = Kind.PRESS if self._rng.random() < PRESSES else Kind.WORD
        return kind, self._known.popleft()

    def may_write_again(self, person: Person) -> None:
        """Somebody has been answered. Where enough are known, nothing is heard of this one any more."""
        if len(self._known) < MOST_KNOWN:
            self._known.append(person)


def body_of(message: Message, now: float) -> bytes:
    """The update as Telegram delivers it; `now` in Unix time."""
    chat = {"id": message.person.chat_id, "first_name": "Ann", "type": "private"}
    sender = {"id": message.person.chat_id, "is_bot": False, "first_name": "Ann", "language_code": "en"}
    return json.dumps({"update_id": message.update_id, **_content(message, sender, chat, int(now))}).encode()


def _content(message: Message, sender: Mapping[str, Any], chat: Mapping[str, Any], date: int) -> dict[str, Any]:
    number = message.number
    if message.kind is Kind.PRESS:
        shown = {"message_id": message.person.message_id, "date": date, "chat": chat, "text": "menu"}
        data = f"found:1:qz{number}"
        query = {"id": str(number), "from": sender, "message": shown, "chat_instance": "1", "data": data}
        return {"callback_query": query}
    told = {"message_id": message.sent_id, "from": sender, "chat": chat, "date": date}
    if message.kind is Kind.WORD:
        return {"message": {**told, "text": f"qz{number}"}}
    command = {"offset": 0, "length": 6, "type": "bot_command"}
    return {"message": {**told, "text": "/start", "entities": [command]}}


def answered_number(chat_id: int, text: str) -> int:
    """The number of the message that a text sent to this chat answers: of the word in it, or of the chat's /start."""
    word = _WORD.search(text)
    return int(word[1]) if word else chat_id - FIRST_CHAT
