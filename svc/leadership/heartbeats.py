"""The heartbeats of one process: about once a second it writes down that it lives, and reads what the others say and
what operators have ordered.

From PASSIVE on until the process ends, in every state: while it drains its sends are still its own. A heartbeat that
cannot be written is left out; nothing that acts waits for it. Where an order is announced the next one comes at once:
the announcement says only that there may be something to hear, and may get lost. (The lease has a heartbeat of its own,
on the lock's connection: election.py.)
"""

from __future__ import annotations

from dataclasses import replace

import structlog
import trio

from statemachine import State, Transition
from svc.leadership.orders_heard import OrdersHeard
from svc.leadership.reach import Reach
from svc.storage.errors import DatabaseUnavailable
from svc.storage.instances import EPOCHS_KEPT, Heartbeat, Instances, Peer
from svc.waiting import Wakeup

log = structlog.get_logger()

BEAT_EVERY = 0.7
LEAVE_DEADLINE = 0.5
# Processes that were killed leave their rows behind.
FORGET_EVERY = 3600.0
KEPT_FOR = 24 * 3600.0


class Heartbeats:
    """What this process says of itself, and what it has heard of others; the orders go to `orders`. Made inside
    `trio.run`.
    """

    def __init__(self, instances: Instances, reach: Reach, orders: OrdersHeard) -> None:
        self._instances = instances
        self._reach = reach
        self._orders = orders
        self._state = State.BOOT
        self._entered = trio.current_time()
        self._epochs: tuple[int, ...] = ()
        self._now = Wakeup()
        self._peers: list[Peer] = []
        self._heard_at = trio.current_time()
        self._forget_at = trio.current_time()
        self._failing = False

    def changed(self, step: Transition) -> None:
        """This instance has changed its state, which is written down at once; that it leads, a moment later: after a
        takeover the menus come first.
        """
        self._state, self._entered = step.target, trio.current_time()
        if step.target is not State.ACTIVE:
            self.beat_now()
        elif step.epoch is not None:
            self._epochs = (*self._epochs, step.epoch)[-EPOCHS_KEPT:]

    def beat_now(self) -> None:
        """There may be something to say or to hear: do not wait for the next heartbeat's time."""
        self._now.set()

    @property
    def peers(self) -> list[Peer]:
        """What the others have said of themselves, as old as it is by now."""
        passed = trio.current_time() - self._heard_at
        return [
            replace(each, seen_for=each.seen_for + passed, reach_for=each.reach_for + passed) for each in self._peers
        ]

    async def run(self) -> None:
        """Write until cancelled; at the end this process is forgotten."""
        try:
            while True:
                await self._try_to_beat()
                with trio.move_on_after(BEAT_EVERY):
                    await self._now.wait()
        finally:
            with trio.move_on_after(LEAVE_DEADLINE, shield=True):
                await self._try_to_leave()

    async def _try_to_beat(self) -> None:
        try:
            await self._beat()
            self._failing = False
        except DatabaseUnavailable as error:
            if not self._failing:
                log.warning("DB_LOST", error=str(error))
            self._failing = True

    async def _beat(self) -> None:
        sent, asked = trio.current_time(), self._orders.asking()
        heard = await self._instances.beat(self._heartbeat())
        self._peers, self._heard_at = heard.peers, sent
        self._orders.hear(heard.orders, asked)
        if sent >= self._forget_at:
            await self._instances.forget(KEPT_FOR)
            self._forget_at = sent + FORGET_EVERY

    async def _try_to_leave(self) -> None:
        try:
            await self._instances.leave()
        except DatabaseUnavailable:
            return  # it is forgotten a day later

    def _heartbeat(self) -> Heartbeat:
        now, reach = trio.current_time(), self._reach
        return Heartbeat(
            state=self._state.name,
            state_for=now - self._entered,
            epochs=self._epochs,
            reaches=reach.ok,
            reach_error=reach.error,
            reach_for=None if reach.ok is None else now - reach.known_at,
        )
