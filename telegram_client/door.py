"""The one door that all chats share, and whose turn it is at it.

The chat goes first that needs the longest for all it has waiting ("longest remaining processing time first": where
one chat's backlog decides when everything is through, no time is lost on the others). Alone that rule would keep every
newcomer out for as long as a few chats have much to say; so one turn in so many goes to who has stood here longest.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

# 4 % is what those who need the longest lose by it, at most.
OLDESTS_TURN = 25

ChatId = int | str


@dataclass
class _Place:
    """A chat's place; `key` is set for the one chat that may look whether the door is open."""

    number: int
    entry: int = 0
    key: trio.Event = field(default_factory=trio.Event)


class Door:
    """`opens` tells when the next may leave, on Trio's clock, and `need` how long a chat will need, at least, for all
    that it has waiting. It is asked when the chat comes, and when it has `grown`.
    """

    def __init__(self, opens: Callable[[], float], need: Callable[[ChatId], float]) -> None:
        self._opens = opens
        self._need = need
        # In the order in which they came.
        self._places: OrderedDict[ChatId, _Place] = OrderedDict()
        # A heap of (-need, number of the place, number of the entry, chat). Only a place's latest entry counts.
        self._by_need: list[tuple[float, int, int, ChatId]] = []
        self._count = 0
        self._turns = 0

    def __len__(self) -> int:
        return len(self._places)

    @asynccontextmanager
    async def turn(self, chat_id: ChatId) -> AsyncIterator[None]:
        """Enter when the door is open and it is this chat's turn; the chat leaves with the block."""
        place = self._places[chat_id] = _Place(self._next_number())
        self.grown(chat_id)
        if len(self._places) == 1:
            place.key.set()
        try:
            while True:
                await place.key.wait()
                await until(self._opens)
                if (first := self._first()) == chat_id:
                    break
                place.key = trio.Event()
                self._places[first].key.set()
            yield
            self._turns += 1
        finally:
            del self._places[chat_id]
            if place.key.is_set() and self._places:
                self._places[self._first()].key.set()

    def grown(self, chat_id: ChatId) -> None:
        """A call more waits for this chat, if it stands here."""
        place = self._places.get(chat_id)
        if place is None:
            return
        place.entry = self._next_number()
        heapq.heappush(self._by_need, (-self._need(chat_id), place.number, place.entry, chat_id))
        if len(self._by_need) > 2 * len(self._places) + 100:
            self._by_need = [entry for entry in self._by_need if self._counts(entry)]
            heapq.heapify(self._by_need)

    def _first(self) -> ChatId:
        if self._turns % OLDESTS_TURN == OLDESTS_TURN - 1:
            return next(iter(self._places))
        while not self._counts(self._by_need[0]):
            heapq.heappop(self._by_need)
        return self._by_need[0][-1]

    def _counts(self, entry: tuple[float, int, int, ChatId]) -> bool:
        _, _, number, chat_id = entry
        place = self._places.get(chat_id)
        return place is not None and place.entry == number

    def _next_number(self) -> int:
        self._count += 1
        return self._count


async def until(ready: Callable[[], float]) -> None:
    """Sleep until the time that `ready` tells has come, also if it is put off meanwhile."""
    while (time := ready()) > trio.current_time():  # noqa: ASYNC110
        await trio.sleep_until(time)
