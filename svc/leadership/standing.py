"""How this instance stands: whether it gets through to the Bot API, what it tells the others of that, whether it should
lead. The service runs the parts of it; each lives in a file of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from statemachine import Lifecycle, State
from svc.leadership.heartbeats import Heartbeats
from svc.leadership.lease import Lease
from svc.leadership.noting_sender import NotingSender
from svc.leadership.orders_heard import OrdersHeard
from svc.leadership.reach import Reach, keep_asking
from svc.leadership.stepping_down import SteppingDown
from svc.storage.instances import Instances
from svc.waiting import first_of
from telegram_client.get_me import ASK_TIMEOUT, GetMe
from telegram_client.sender import Sender


class Standing:
    """One instance's standing. Made inside `trio.run`.

    `orders` is where the heartbeats put what operators have ordered. `open_get_me` opens the only thing that it may
    call in PASSIVE. `polls`: the leader fetches updates by itself, so that without it nobody knows whether work waits.
    `step_down_after` is in seconds; 0: never. `told` is given what getMe was answered with.
    """

    def __init__(
        self,
        instances: Instances,
        orders: OrdersHeard,
        open_get_me: Callable[[], AbstractAsyncContextManager[GetMe]],
        *,
        polls: bool,
        step_down_after: float,
        told: Callable[[Any], None],
        rng: random.Random,
    ) -> None:
        self._instances = instances
        self._open_get_me = open_get_me
        self._polls = polls
        self._told = told
        self._rng = rng
        self.reach = Reach()
        self.heartbeats = Heartbeats(instances, self.reach, orders)
        self.candidacy = SteppingDown(
            self.reach, lambda: self.heartbeats.peers, orders, self._work_waits, after=step_down_after
        )

    def noting(self, api: Sender) -> Sender:
        """`api`, whose calls tell from now on whether they get through."""
        return NotingSender(api, self.reach)

    async def ask_while_passive(self, lifecycle: Lifecycle[Any]) -> None:
        """While PASSIVE ask getMe now and then, over a connection that is closed in ACTIVE; until cancelled."""
        while True:
            await lifecycle.wait_for(State.PASSIVE)
            await first_of(partial(lifecycle.wait_for, State.ACTIVE), self._ask_by_itself)

    async def ask_while_active(self, sender: Sender) -> None:
        """Ask getMe where nothing else gets through, until cancelled."""

        async def ask() -> None:
            self._told(await sender.call("getMe", timeout=ASK_TIMEOUT))

        await keep_asking(self.reach, ask, self._rng)

    async def watch(self, lease: Lease, epoch: int) -> None:
        """Give up the lead of this term if another can lead and this one cannot, or as an operator wants it; until
        cancelled.
        """
        await self.candidacy.watch(lease, epoch)

    def health(self) -> dict[str, Any]:
        """For /healthz: whether the Bot API is reached (None: not known yet), and why not."""
        reach = self.reach
        return {"reaches": reach.ok} | ({} if reach.error is None else {"reach_error": reach.error})

    async def _ask_by_itself(self) -> None:
        async with self._open_get_me() as get_me:

            async def ask() -> None:
                with self.reach.noting():
                    me = await get_me()
                self._told(me)

            await keep_asking(self.reach, ask, self._rng)

    async def _work_waits(self) -> bool:
        return self._polls or await self._instances.work_waits()
