"""How much more of the backlog fits into the chat queue, and when it is time to read more."""

from __future__ import annotations

from svc.queue.contents import BACKLOG_SHARE, FOLLOWERS_SHARE, Contents
from svc.queue.held import Held
from svc.queue.lanes import Lanes
from svc.storage.inbox import Received
from svc.waiting import Wakeup

# Chats of the backlog with an update that is out, ready or being read back.
CHATS = 1000
# Chats besides, whose update flood control holds: they must not take the place of one that can go.
HELD_CHATS = 2000
# Between this and the backlog's share of the bytes nothing is asked for, so that it is not with every chat that leaves.
PLENTY_OF_BYTES = (FOLLOWERS_SHARE + BACKLOG_SHARE) / 2


class Places:
    """The places of the backlog. Newcomers have places of their own, in their lane.

    `wants_backfill` is set when there is room for chats that wait in the inbox. `left_out` counts how often something
    was left there for want of room.
    """

    def __init__(self, contents: Contents, lanes: Lanes, held: Held, chats: int = CHATS) -> None:
        self.wants_backfill = Wakeup()
        self.left_out = 0
        # Until the first look at the whole inbox has ended it may hold anything.
        self.more = True
        self._contents = contents
        self._lanes = lanes
        self._held = held
        self._most = chats

    @property
    def spare(self) -> int:
        """Places that are free; below 0, more newcomers have become part of the backlog than there were places."""
        backlog = len(self._contents.chats) - self._lanes.newcomers
        return self._most + min(len(self._held), HELD_CHATS) - backlog

    @property
    def room(self) -> int:
        """How many more chats fit; 0 too where the bytes of the backlog are used up."""
        return max(0, self.spare) if self._contents.share() < BACKLOG_SHARE else 0

    def fits(self, update: Received) -> bool:
        """Whether there is room for a chat that comes with this update."""
        return self.spare > 0 and self._contents.has_bytes_for(update, BACKLOG_SHARE)

    def leave_out(self) -> None:
        """Something is left in the inbox for want of room."""
        self.left_out += 1
        self.more = True

    def expect_more(self) -> None:
        """The inbox holds more than there was room for: ask for a backfill as soon as there is."""
        self.more = True
        self.ask_if_low()

    def caught_up(self) -> None:
        """Everything in the inbox that may be worked on is here."""
        self.more = False

    def ask_if_low(self) -> None:
        """Ask for a backfill if three quarters of the places are free and something waits for them."""
        plenty = self.spare > self._most - self._most // 4
        if self.more and plenty and self._contents.share() < PLENTY_OF_BYTES:
            self.wants_backfill.set()
