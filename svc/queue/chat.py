"""One chat in the chat queue: the update whose turn it is, those behind it, and what is known of the rest."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from enum import Enum, auto

from svc.storage.inbox import NO_CHAT, Received

ChatKey = tuple[int, int]


def chat_key(update: Received) -> ChatKey:
    """What the chat of `update` is known by. An update without a chat is alone: it shares no order with any other."""
    return (NO_CHAT, update.update_id) if update.chat_id == NO_CHAT else (update.chat_id, 0)


class Reading(Enum):
    """Whether the inbox is being asked for more of a chat."""

    NO = auto()
    # Asked while one of its updates was out: an empty answer says nothing, for that one may be being processed.
    WHILE_BUSY = auto()
    WHILE_FREE = auto()


@dataclass(slots=True, eq=False)
class Chat:
    """A chat that has a place. `head` is out, ready or held; None: its next is being read back.

    `waiting` is in order. `behind`: the inbox may hold updates of the chat that are not here, and all of them are
    younger than those here; so nothing more is taken in but what is read back.
    """

    key: ChatKey
    head: Received | None
    behind: bool
    waiting: list[Received] = field(default_factory=list)
    reading: Reading = Reading.NO

    @property
    def is_asking(self) -> bool:
        """Whether the inbox is being asked for more of it."""
        return self.reading is not Reading.NO

    @property
    def takes_hints(self) -> bool:
        """Whether an update of it may be added that was not read back: nothing between it and the others is missing."""
        return not self.behind and not self.is_asking

    def insert(self, update: Received) -> None:
        """Let `update` wait, in its order."""
        insort(self.waiting, update, key=lambda each: each.update_id)

    def next(self) -> Received | None:
        """Make the oldest that waits the head, and return it; None if nothing waits."""
        self.head = self.waiting.pop(0) if self.waiting else None
        return self.head

    def ask(self) -> None:
        """The inbox is being asked for more of it."""
        self.reading = Reading.WHILE_FREE if self.head is None else Reading.WHILE_BUSY
        self.behind = False

    def answered(self, *, more: bool, empty: bool) -> None:
        """The answer has come. `more`: the inbox holds more than it brought, or than there was room for."""
        uncertain = empty and self.reading is Reading.WHILE_BUSY
        self.behind = self.behind or more or uncertain
        self.reading = Reading.NO
