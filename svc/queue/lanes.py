"""What is ready to be worked on, in two lanes: the backlog, and newcomers.

The backlog is first come, first served. A newcomer is the first update of a chat of which nothing else waits: somebody
who writes now. While a backlog stands, every third place is a newcomer's, and the newest is first: whoever came first
of them has waited longest already, and would let all others wait too. Without a backlog there is no need for that, and
newcomers are served in the order in which they came.

A newcomer that has waited for NEWCOMER_SECONDS, or that has more than NEWCOMERS newer ones above it, is none any more:
`outgrown` gives it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from svc.storage.inbox import Received

NEWCOMERS = 256
NEWCOMER_SECONDS = 5.0
# Every third place. With half of them a backlog would take twice as long while many come; with a tenth, at 30 a second,
# four newcomers a second would be too many.
NEWCOMERS_PLACE = 3


class _Newcomer(NamedTuple):
    since: float
    update: Received


class Lanes:
    """Updates that are ready. Times are on Trio's clock."""

    def __init__(self, newcomers: int = NEWCOMERS) -> None:
        self._most = newcomers
        self._backlog: deque[Received] = deque()
        self._newcomers: deque[_Newcomer] = deque()
        self._places = 0

    def __len__(self) -> int:
        return len(self._backlog) + len(self._newcomers)

    @property
    def newcomers(self) -> int:
        """How many newcomers wait."""
        return len(self._newcomers)

    def put(self, update: Received) -> None:
        """To the end of the backlog."""
        self._backlog.append(update)

    def put_newcomer(self, update: Received, now: float) -> None:
        """To the newcomers, as the newest."""
        self._newcomers.append(_Newcomer(now, update))

    def next(self) -> Received | None:
        """Whose turn it is; None if nobody is ready."""
        if self._backlog and self._newcomers:
            self._places += 1
            if self._places % NEWCOMERS_PLACE == 0:
                return self._newcomers.pop().update
        if self._backlog:
            return self._backlog.popleft()
        return self._newcomers.popleft().update if self._newcomers else None

    def outgrown(self, now: float) -> Iterator[Received]:
        """Take out those that are newcomers no longer, the oldest first."""
        while self._newcomers and (
            len(self._newcomers) > self._most or now - self._newcomers[0].since >= NEWCOMER_SECONDS
        ):
            yield self._newcomers.popleft().update

    def push_out(self) -> Received | None:
        """Take out the newcomer that has waited longest, if there is one."""
        return self._newcomers.popleft().update if self._newcomers else None
