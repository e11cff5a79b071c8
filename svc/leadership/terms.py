"""The loop that walks the states: follow until elected, lead until the term ends, again; until DRAINING.

A term is entered and left here and nowhere else. Entering opens the ACTIVE event, onto which the workers wait. Leaving
takes, in this order: nothing new begins; in a drain, or where the lead is given up, what is in flight has a moment to
finish; the lease is ended, which cancels what still acts; all of it is waited for; only then the lock is released. So
when another instance can be elected, nothing of this one acts any more. A request that has left may still wait for its
answer: that holds up neither the lock nor the next term.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, Protocol, TypeVar

import structlog
import trio

from statemachine import Lifecycle
from svc.leadership.election import Election, Leader
from svc.leadership.lease import Lease
from svc.shutdown import end_process_now
from svc.waiting import first_of, until

log = structlog.get_logger()

# Once its lease has ended all work is cancelled; what then still runs may not live on: another may lead by now.
CANCEL_DEADLINE = 1.0
# Given up in order, for how long the lead is kept for sends to finish. One that hangs must not silence all chats.
HANDOVER_PATIENCE = 1.0


class Closable(Protocol):
    """What an ACTIVE period must be able to do for this loop."""

    def close(self) -> None:
        """Let nothing new begin; what is in flight is finished."""


Period = TypeVar("Period", bound=Closable)


class Terms(Generic[Period]):
    """One instance's terms.

    `follow` is what a follower does, cancelled once elected. `open_period` makes what the ACTIVE event opens onto, for
    as long as its block lasts. A drain waits for the last answers until `drain_timeout` seconds after it began.
    """

    def __init__(
        self,
        lifecycle: Lifecycle[Period],
        election: Election,
        *,
        follow: Callable[[], Awaitable[None]],
        open_period: Callable[[Leader], AbstractAsyncContextManager[Period]],
        drain_timeout: float,
    ) -> None:
        self._lifecycle = lifecycle
        self._election = election
        self._follow = follow
        self._open_period = open_period
        self._drain_timeout = drain_timeout

    async def run(self) -> None:
        """PASSIVE and ACTIVE in turn, until DRAINING. The lifecycle is in PASSIVE, or DRAINING already."""
        leases: list[Lease] = []
        while not self._lifecycle.draining.is_set():
            leader = await self._be_passive()
            if leader is not None:
                await self._be_active(leader)
                leases = [lease for lease in (*leases, leader.lease) if not lease.empty]
        await self._hear_last_answers(leases)

    async def _be_passive(self) -> Leader | None:
        """Follow until elected; None if draining came first."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow)
            leader = await until(self._lifecycle.draining, self._election.elect)
            nursery.cancel_scope.cancel(reason="no longer passive")
        return leader

    async def _be_active(self, leader: Leader) -> None:
        async with self._open_period(leader) as period:
            try:
                await self._lead(leader, period)
            finally:
                await self._step_down(leader)  # noqa: ASYNC102 (its waits are shielded and bounded)
        if not self._lifecycle.draining.is_set():
            self._lifecycle.lock_lost(leader.lease.reason)

    async def _lead(self, leader: Leader, period: Period) -> None:
        """Enter ACTIVE; return once the lease has ended or, in a drain or where the lead is to be given up, what was in
        flight is finished.
        """
        lease, draining = leader.lease, self._lifecycle.draining
        if draining.is_set():
            return  # it came at the moment of the election
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._election.renew, leader)
            self._lifecycle.lock_acquired(period, epoch=leader.term.epoch)
            log.info("LOCK_ACQUIRED", epoch=leader.term.epoch)
            await first_of(lease.ended, lease.unwanted, draining.wait)
            period.close()
            if draining.is_set() or lease.unwanted_for is not None:
                with trio.move_on_after(min(HANDOVER_PATIENCE, self._drain_timeout)):
                    await first_of(lease.ended, lease.emptied)
            nursery.cancel_scope.cancel(reason="the term has ended")

    async def _hear_last_answers(self, leases: Sequence[Lease]) -> None:
        """The lead has been given up; what has been asked of the Bot API is still answered."""
        with trio.move_on_at(self._lifecycle.drain_began + self._drain_timeout) as drain:
            for lease in leases:
                await lease.emptied()
        if drain.cancelled_caught:
            log.error("DRAIN_TIMEOUT", seconds=self._drain_timeout)
            for lease in leases:
                lease.give_up_answers()
                await lease.emptied()

    async def _step_down(self, leader: Leader) -> None:
        """End the lease, wait until nobody acts under it, and let the lock go."""
        lease = leader.lease
        lost = lease.over
        lease.end(lease.unwanted_for or "the term has ended")
        with trio.move_on_after(CANCEL_DEADLINE, shield=True):
            await lease.vacated()
        if lease.occupied:
            log.error("STUCK", epoch=leader.term.epoch, reason=lease.reason)
            end_process_now(1)
        if lost:
            log.warning("LOCK_LOST", epoch=leader.term.epoch, reason=lease.reason)
            leader.session.abandon()
        else:
            await self._election.resign(leader)
