"""The lease: the right to act as the leader until a moment that every heartbeat moves.

    heartbeat sent      lease ends (L)      server ends the session (T)
         |---- 2/3 T ---------|---- 1/3 T ------------|

The lease counts from the moment at which the last heartbeat that came back was *sent*. The server ends the silent
session no earlier than T after that heartbeat, which is later than the lease's end: a paused or cut-off leader has
stopped before another can start. Only the rates of clocks matter, not their times.

Whatever acts does so in a scope of the lease, whose deadline is the lease's end. No heartbeat, no acting, without any
task having to notice. Who has made a request and only waits for its answer acts no more: that is seen through to its
end, also past the lease's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from svc.waiting import Wakeup

RAN_OUT = "the lease ran out"


@dataclass(frozen=True)
class LeaseTimes:
    """The times of leadership, all from the one setting LEASE (`server_timeout`, T), in seconds."""

    server_timeout: float = 3.0

    @property
    def length(self) -> float:
        """L: how long after sending a heartbeat that came back the leader may act."""
        return self.server_timeout * 2 / 3

    @property
    def heartbeat(self) -> float:
        """How often the leader sends a heartbeat."""
        return self.server_timeout / 6


class Lease:
    """One term's lease, until `deadline` (Trio's clock). Once ended it stays ended.

    A Trio cancel scope can be entered once, so each task that acts takes a scope of its own: `with lease.scope()`.
    `renew` moves the deadlines of all of them, `end` cancels all of them, and one that is entered after the end is
    cancelled from the start.
    """

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._reason: str | None = None
        self._ended = trio.Event()
        self._unwanted_for: str | None = None
        self._unwanted = trio.Event()
        self._scopes: set[trio.CancelScope] = set()
        # Who waits for an answer, shielded from the lease's end.
        self._asking: set[trio.CancelScope] = set()
        self._left = Wakeup()

    @property
    def left(self) -> float:
        """How long its work may go on without another heartbeat, in seconds."""
        return 0.0 if self.over else max(0.0, self._deadline - trio.current_time())

    @property
    def over(self) -> bool:
        """Whether it has ended, or run out."""
        return self._ended.is_set() or trio.current_time() >= self._deadline

    @property
    def reason(self) -> str:
        """Why it ended; that it ran out if nobody has said."""
        return self._reason or RAN_OUT

    @property
    def unwanted_for(self) -> str | None:
        """Why the lead is to be given up, if it is."""
        return self._unwanted_for

    @property
    def occupied(self) -> bool:
        """Whether a task in one of its scopes may still act."""
        return len(self._scopes) > len(self._asking)

    @property
    def empty(self) -> bool:
        """Whether no task is in one of its scopes: nobody waits for an answer either."""
        return not self._scopes

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Run the block as long as the lease lasts, and no longer."""
        scope = trio.CancelScope(deadline=self._deadline)
        if self.over:
            scope.cancel(reason=self.reason)
        self._scopes.add(scope)
        try:
            with scope:
                yield
        finally:
            self._scopes.discard(scope)
            self._left.set()

    @contextmanager
    def asking(self) -> Iterator[Callable[[], None]]:
        """A block, within a scope, that makes one request. Call what it yields when the request has left.

        From then on the block only waits for an answer: it does not act, and the lease's end does not cut it off.
        `give_up_answers` does: the block then ends without an exception.
        """
        answer = trio.CancelScope()

        def has_left() -> None:
            answer.shield = True
            self._asking.add(answer)
            self._left.set()

        try:
            with answer:
                yield has_left
        finally:
            self._asking.discard(answer)

    def give_up_answers(self) -> None:
        """Wait no longer for the answers to requests that have left."""
        for answer in self._asking:
            answer.cancel(reason="no answer in time")

    def renew(self, deadline: float) -> None:
        """A heartbeat came back: act until `deadline`. Too late, it changes nothing."""
        if self.over:
            return
        self._deadline = deadline
        for scope in self._scopes:
            scope.deadline = deadline

    def end(self, reason: str) -> None:
        """End it now and cancel all that acts under it. The first reason counts."""
        if not self._ended.is_set():
            self._reason = self._reason or (RAN_OUT if self.over else reason)
            self._ended.set()
        for scope in self._scopes:
            scope.cancel(reason=self.reason)

    def give_up(self, reason: str) -> None:
        """Have the lead given up in order, for this reason, and last until that is done. The first reason counts."""
        self._unwanted_for = self._unwanted_for or reason
        self._unwanted.set()

    async def unwanted(self) -> None:
        """Return once the lead is to be given up."""
        await self._unwanted.wait()

    async def ended(self) -> None:
        """Return once it has ended or run out."""
        while not self.over:
            with trio.move_on_at(self._deadline):
                await self._ended.wait()

    async def vacated(self) -> None:
        """Return once no task in one of its scopes may still act."""
        while self.occupied:
            await self._left.wait()

    async def emptied(self) -> None:
        """Return once it is empty."""
        while not self.empty:
            await self._left.wait()


async def not_over() -> None:
    """Within a scope of the lease, right before acting: do not return once the lease is over.

    After a pause of the whole process the scope's deadline has passed, but its cancellation arrives only at the next
    wait.
    """
    if trio.current_time() >= trio.current_effective_deadline():
        await trio.sleep_forever()
