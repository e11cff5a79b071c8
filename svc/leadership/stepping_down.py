"""A leader steps down that cannot work, or that an operator wants to: for another instance that can lead, and for
nobody else.

Give up      no call has got through for STEP_DOWN_AFTER, all of it in this term; work is waiting; another instance is
             PASSIVE, alive, and has just got through. So a lead is given up at most once in STEP_DOWN_AFTER, whatever
             flaps.
Come back    who has given up campaigns again once something of its own has got through. If the other one has died by
             then, updates are stored and wait: this one could not answer them either.
Stand back   who knows that it does not get through leaves the lock to one that does, also to one that has been
             silent for a few seconds. If there is none it campaigns.
Obey         an operator's order to give up this term is obeyed as soon as another instance is PASSIVE and alive, and
             not known to be cut off. For a few seconds the lock is left to such a one.

The first two parts are pure functions of what is known; `SteppingDown` knows it and acts.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog
import trio

from svc.leadership.lease import Lease
from svc.leadership.orders_heard import OrdersHeard
from svc.leadership.reach import Reach
from svc.storage.errors import DatabaseUnavailable
from svc.storage.instances import ALIVE_FOR, HEARD_WITHIN, Peer
from svc.waiting import first_of

log = structlog.get_logger()

DECIDE_EVERY = 1.0
LOOK_AGAIN_AFTER = 0.25
# getMe is asked every five seconds and has five to be answered.
FRESH_FOR = 12.0
# For so long, at most, who was ordered to step down leaves the lock to others.
STAND_BACK_FOR = 10.0


def can_take_over(peer: Peer) -> bool:
    """Whether this instance waits for the lock, lives, and has just got through to the Bot API."""
    return _waits(peer) and peer.reaches is True and peer.reach_for <= FRESH_FOR


def may_be_ordered_to(peer: Peer) -> bool:
    """Whether an operator may hand the lead to this instance: nothing is known against it."""
    return _waits(peer) and peer.reaches is not False


def _waits(peer: Peer) -> bool:
    return peer.state == "PASSIVE" and peer.seen_for <= ALIVE_FOR


def _may_lead_soon(peer: Peer) -> bool:
    """Whether one that gets through is to be expected yet. One that has been silent for a few seconds may only be slow,
    and who does not get through loses nothing by waiting for it.
    """
    return peer.seen_for <= HEARD_WITHIN and can_take_over(replace(peer, seen_for=0.0))


def successor(
    now: float,
    *,
    failing_since: float | None,
    led_since: float,
    work_waits: bool,
    peers: Sequence[Peer],
    after: float,
) -> Peer | None:
    """For whom the leader should step down; None: it stays.

    `failing_since` is since when no call gets through, None if calls do; `led_since` when the term began; `after` is
    STEP_DOWN_AFTER. Of several that can take over, the one that got through last.
    """
    if failing_since is None or not work_waits or now - max(failing_since, led_since) < after:
        return None
    return min(filter(can_take_over, peers), key=lambda peer: peer.reach_for, default=None)


def is_candidate(*, gave_up_at: float, through_at: float, reaches: bool | None, peers: Sequence[Peer]) -> bool:
    """Whether an instance should try for the lock.

    `gave_up_at` is when it last stepped down and `through_at` when last a call of its own got through, each minus
    infinity if never.
    """
    if gave_up_at > -math.inf and through_at <= gave_up_at:
        return False
    return reaches is not False or not any(map(_may_lead_soon, peers))


class SteppingDown:
    """Decides for one instance by its `reach`, what `peers` says of the others, and operators' orders. `after` 0: never
    step down but by order.

    `work_waits` asks whether anything is to be done; it may raise DatabaseUnavailable.
    """

    def __init__(
        self,
        reach: Reach,
        peers: Callable[[], Sequence[Peer]],
        orders: OrdersHeard,
        work_waits: Callable[[], Awaitable[bool]],
        *,
        after: float,
    ) -> None:
        self._reach = reach
        self._peers = peers
        self._orders = orders
        self._work_waits = work_waits
        self._after = after
        self._gave_up_at = -math.inf
        self._obeyed_at = -math.inf

    def may_lead(self) -> bool:
        """Whether this instance should try for the lock."""
        if self._stands_back_by_order():
            return False
        return self._after == 0 or is_candidate(
            gave_up_at=self._gave_up_at,
            through_at=self._reach.through_at,
            reaches=self._reach.ok,
            peers=self._peers(),
        )

    async def until_may_lead(self) -> None:
        """Return once this instance should try for the lock, at once if it should."""
        if self.may_lead():
            return
        log.warning("STAND_BACK", error=self._reach.error, by_order=self._stands_back_by_order())
        while True:
            await trio.sleep(LOOK_AGAIN_AFTER)
            if self.may_lead():
                return

    async def watch(self, lease: Lease, epoch: int) -> None:
        """Give up the lead of this term once it should be."""
        await first_of(partial(self._watch_reach, lease, epoch), partial(self._watch_orders, lease, epoch))

    async def _watch_reach(self, lease: Lease, epoch: int) -> None:
        led_since = trio.current_time()
        while True:
            await trio.sleep(DECIDE_EVERY)
            heir = await self._successor(led_since) if self._after else None
            if heir is not None:
                self._give_up(lease, epoch, heir)
                return

    async def _watch_orders(self, lease: Lease, epoch: int) -> None:
        while True:
            order = self._orders.now.step_down
            if order is not None and order.epoch == epoch and any(map(may_be_ordered_to, self._peers())):
                self._obeyed_at = trio.current_time()
                log.warning("STEP_DOWN", epoch=epoch, by=order.by)
                lease.give_up(f"an operator wants it: {order.by}")
                return
            await self._orders.heard.wait()

    def _stands_back_by_order(self) -> bool:
        recently = trio.current_time() - self._obeyed_at < STAND_BACK_FOR
        return recently and any(map(may_be_ordered_to, self._peers()))

    async def _successor(self, led_since: float) -> Peer | None:
        def decide(*, work_waits: bool) -> Peer | None:
            return successor(
                trio.current_time(),
                failing_since=self._reach.failing_since,
                led_since=led_since,
                work_waits=work_waits,
                peers=self._peers(),
                after=self._after,
            )

        # The database is asked only where the answer matters.
        if decide(work_waits=True) is None:
            return None
        try:
            return decide(work_waits=await self._work_waits())
        except DatabaseUnavailable:
            return None

    def _give_up(self, lease: Lease, epoch: int, heir: Peer) -> None:
        since = self._reach.failing_since
        now = self._gave_up_at = trio.current_time()
        seconds = round(now - since, 1) if since is not None else 0.0
        log.warning("STEP_DOWN", epoch=epoch, seconds=seconds, error=self._reach.error, successor=heir.instance)
        lease.give_up(f"nothing gets through to the Bot API; {heir.instance} does")
