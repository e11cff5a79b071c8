"""What became of every message, judged while it goes on: only what is open is kept, and what went wrong."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass, field

from fleet.soak.people import FIRST_UPDATE, Message
from fleet.soak.series import Window

MOST_KEPT = 10_000
"""Of what went wrong, the latest: where it is more, the verdict is the same."""


@dataclass
class Ledger:
    """`open` are the messages that have no answer yet, by number, and `not_taken_in` those that got no 200. `again` are
    the numbers of those that got one more after their first, `unasked` texts that answer nothing that was ever written.
    `window` is told how long each took.
    """

    window: Window
    written: int = 0
    accepted: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    open: dict[int, Message] = field(default_factory=dict)
    not_taken_in: set[int] = field(default_factory=set)
    again: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    unasked: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    longest_ack: float = 0.0
    longest_wait: float = 0.0

    def write(self, message: Message) -> None:
        """A message is due."""
        self.written += 1
        self.open[message.number] = message
        self.not_taken_in.add(message.number)

    def accept(self, message: Message, now: float) -> None:
        """Its update got a 200, by the clock that only measures."""
        self.accepted += 1
        self.not_taken_in.discard(message.number)
        self.longest_ack = max(self.longest_ack, now - message.due)
        self.window.acks.append(now - message.due)

    def answer(self, number: int, chat_id: int, text: str, now: float) -> Message | None:
        """Something took effect that answers the message `number`: the message, if this is its first answer."""
        message = self.open.get(number)
        if message is not None and message.person.chat_id == chat_id:
            del self.open[number]
            self.answered[message.kind] += 1
            self.longest_wait = max(self.longest_wait, now - message.due)
            self.window.answers.append(now - message.due)
            return message
        if 0 <= number < self.written and message is None:
            self.again.append(number)
        else:
            self.unasked.append(f"to {chat_id}: {text[:60]}")
        return None


@dataclass(frozen=True)
class Tally:
    """The verdict on messages: numbers of those that were `lost` or answered `twice`; how many were one or the other
    but `excused` by a doubt that the service has recorded: it could not be told whether an answer was sent. `waiting`
    is how many have no answer yet and are not lost: they are in the inbox, or Telegram still has them.
    """

    lost: list[int]
    twice: list[int]
    excused: int
    doubts: int
    waiting: int


def tally(ledger: Ledger, doubted_updates: Collection[int], owed_updates: Collection[int]) -> Tally:
    """What the ledger comes to in the end, with the ids of updates that had doubts recorded, and of those that are
    still in the inbox."""
    doubted = {update_id - FIRST_UPDATE for update_id in doubted_updates}
    waiting = ledger.open.keys() & ({update_id - FIRST_UPDATE for update_id in owed_updates} | ledger.not_taken_in)
    lost, twice = ledger.open.keys() - waiting, set(ledger.again)
    excused = len((lost | twice) & doubted)
    return Tally(sorted(lost - doubted), sorted(twice - doubted), excused, len(doubted), len(waiting))
