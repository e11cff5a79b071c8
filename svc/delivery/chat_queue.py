"""What this instance is about to work on: a chat in order, chats side by side, everything bounded.

The synchronous core (`add`, `done`) decides; `take` only waits. At most one update of a chat is out at a time; its
followers queue behind it. The queue is a view of the inbox, never a store: whatever it has no room for stays in the
inbox, its chat is remembered as `behind`, and `wants_backfill` is set when it is time to read the inbox again.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from svc.storage.inbox import Received
from svc.waiting import Wakeup

# Chats with an update that is out or ready.
CHATS = 1000
# Chats besides, whose update flood control holds: they must not take the place of one that can go.
HELD_CHATS = 2000
# Updates of one chat that wait behind the one that is out.
FOLLOWERS = 16
# Chats and due times that are remembered; beyond that the backfill of every second finds them.
BEHIND = 10_000


class ChatQueue:
    """The updates of one term. Made anew for each, so that nothing of an old term can be worked on.

    `wants_backfill` is set by the queue when it has room for more, and by whoever hears of new work in the inbox.
    """

    def __init__(self, wants_backfill: Wakeup | None = None, *, chats: int = CHATS, followers: int = FOLLOWERS) -> None:
        self.wants_backfill = wants_backfill or Wakeup()
        self._chats = chats
        self._followers = followers
        # A chat is a key from the moment one of its updates is ready until none is out or waiting.
        self._waiting: dict[int, deque[Received]] = {}
        self._ids: set[int] = set()
        self._behind: set[int] = set()
        self._overflowed = False
        self._closed = False
        self._due: list[float] = []
        self._waits: set[trio.CancelScope] = set()
        self._held: list[tuple[float, int, Received]] = []
        self._held_changed = Wakeup()
        self._ready_in, self._ready_out = trio.open_memory_channel[Received](chats + HELD_CHATS)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> frozenset[int]:
        """The updates that are ready, waiting or out."""
        return frozenset(self._ids)

    @property
    def room(self) -> int:
        """How many more chats fit."""
        return max(0, self._chats - len(self._waiting) + min(len(self._held), HELD_CHATS))

    def add(self, update: Received) -> bool:
        """Take `update` in; False if it is in already, or if it stays in the inbox: no room, or the queue is closed."""
        if self._closed or update.update_id in self._ids:
            return False
        waiting = self._waiting.get(update.chat_id)
        if waiting is None:
            if self.room <= 0:
                self._overflowed = True
                return False
            self._waiting[update.chat_id] = deque()
            self._ready_in.send_nowait(update)
        elif len(waiting) < self._followers:
            waiting.append(update)
        else:
            self._is_behind(update.chat_id)
            return False
        self._ids.add(update.update_id)
        if update.has_followers:
            self._is_behind(update.chat_id)
        return True

    async def take(self) -> Received:
        """The next update whose chat is free. Raises trio.EndOfChannel once the queue is closed."""
        try:
            return await self._ready_out.receive()
        except trio.ClosedResourceError:
            raise trio.EndOfChannel from None

    def done(self, update: Received) -> None:
        """`update` is finished: the next of its chat is ready."""
        self._ids.discard(update.update_id)
        waiting = self._waiting.get(update.chat_id)
        if waiting and not self._closed:
            self._ready_in.send_nowait(waiting.popleft())
            return
        self._leave(update.chat_id)

    def set_aside(self, update: Received, delay: float | None = None) -> None:
        """`update` stays in the inbox for later, and its chat's followers with it: they may not overtake.

        `delay` is when it is due again, in seconds; without it the next backfill decides.
        """
        if delay is not None and len(self._due) < BEHIND:
            heapq.heappush(self._due, trio.current_time() + delay)
        self._ids.discard(update.update_id)
        for follower in self._waiting.pop(update.chat_id, ()):
            self._ids.discard(follower.update_id)

    def hold(self, update: Received, delay: float) -> None:
        """`update` comes out again after `delay` seconds; until then its chat waits, and no other."""
        heapq.heappush(self._held, (trio.current_time() + delay, update.update_id, update))
        self._held_changed.set()
        self._ask_if_low()

    async def release_held(self) -> None:
        """Let held updates come out when they are due, until cancelled."""
        while True:
            with trio.move_on_at(self._held[0][0] if self._held else math.inf):
                await self._held_changed.wait()
            while self._held and self._held[0][0] <= trio.current_time():
                update = heapq.heappop(self._held)[2]
                if not self._closed:
                    self._ready_in.send_nowait(update)

    def expect_more(self) -> None:
        """The inbox holds more than there was room for: ask for a backfill as soon as there is."""
        self._overflowed = True
        self._ask_if_low()

    def next_due(self) -> float:
        """When the next update that was set aside is due, on Trio's clock; infinity if none is. Forgets past ones."""
        now = trio.current_time()
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
        return self._due[0] if self._due else math.inf

    @contextmanager
    def until_closed(self) -> Iterator[trio.CancelScope]:
        """Run the block; cancelled once the queue is closed."""
        scope = trio.CancelScope()
        if self._closed:
            scope.cancel(reason="the queue is closed")
        self._waits.add(scope)
        try:
            with scope:
                yield scope
        finally:
            self._waits.discard(scope)

    def close(self) -> None:
        """No more updates come out: whoever waits in `take`, or comes later, gets EndOfChannel."""
        self._closed = True
        for scope in self._waits:
            scope.cancel(reason="the queue is closed")
        self._ready_in.close()
        self._ready_out.close()

    def _leave(self, chat_id: int) -> None:
        self._waiting.pop(chat_id, None)
        if chat_id in self._behind:
            self._behind.discard(chat_id)
            self.wants_backfill.set()
        else:
            self._ask_if_low()

    def _ask_if_low(self) -> None:
        if self._overflowed and self.room > self._chats - self._chats // 4:
            self._overflowed = False
            self.wants_backfill.set()

    def _is_behind(self, chat_id: int) -> None:
        if len(self._behind) < BEHIND:
            self._behind.add(chat_id)
