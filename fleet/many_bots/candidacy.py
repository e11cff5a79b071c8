"""One bot in one member: waits for the lead, leads, hands over, by the service's election, lock, lease and terms."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import trio

from fleet.many_bots.counting import CountedInstances, CountedSession
from statemachine import Lifecycle, Transition
from svc.leadership.election import Election, Leader, LockSession
from svc.leadership.heartbeats import Heartbeats
from svc.leadership.lease import LeaseTimes
from svc.leadership.orders_heard import OrdersHeard
from svc.leadership.postgres_lock import connect_lock
from svc.leadership.reach import Reach
from svc.leadership.terms import Terms
from svc.storage.database import Database
from svc.storage.inbox import Term
from svc.storage.postgres_inbox import PostgresInbox
from svc.storage.postgres_instances import PostgresInstances
from svc.storage.transition_log import PostgresTransitionLog

DRAIN_TIMEOUT = 5.0

Say = Callable[..., None]


class _Period:
    """What the ACTIVE event opens onto. Nothing is sent here: who acts only waits until it has to stop."""

    def __init__(self) -> None:
        self.closed = trio.Event()

    def close(self) -> None:
        """Stop."""
        self.closed.set()


def _hear_nothing(_pause: Any) -> None:
    """No operator pauses anything here."""


class Candidacy:
    """One member's part in the leadership of one bot. `say` is told when it has a session with the lock server, when it
    begins to act as the leader and when it has stopped; `places` bounds how many sessions are opened at once; `counts`
    counts what it asks of the database.
    """

    def __init__(
        self,
        bot_id: int,
        database: Database,
        member: str,
        *,
        lease: float,
        places: trio.CapacityLimiter,
        counts: Counter[str],
        say: Say,
    ) -> None:
        self._bot_id = bot_id
        self._url = database.url
        self._member = member
        self._lease = lease
        self._places = places
        self._counts = counts
        self._say = partial(say, bot=bot_id)
        self._inbox = PostgresInbox(database, bot_id, member)
        self._transition_log = PostgresTransitionLog(database, bot_id, member)
        instances = CountedInstances(PostgresInstances(database, bot_id, member), counts)
        self._heartbeats = Heartbeats(instances, Reach(), OrdersHeard(_hear_nothing))
        self._writing: trio.Nursery | None = None
        self.lifecycle: Lifecycle[_Period] = Lifecycle(self._on_transition)

    async def run(self) -> None:
        """From the first wait for the lead until the lifecycle drains."""
        times = LeaseTimes(self._lease)
        election = Election(self._connect, self._take_over, times, rng=random.Random())  # jitter
        terms = Terms(
            self.lifecycle,
            election,
            follow=trio.sleep_forever,
            open_period=self._open_period,
            drain_timeout=DRAIN_TIMEOUT,
        )
        async with trio.open_nursery() as nursery:
            self._writing = nursery
            nursery.start_soon(self._transition_log.run)
            nursery.start_soon(self._heartbeats.run)
            self.lifecycle.booted()
            await terms.run()
            await self._transition_log.flush()
            nursery.cancel_scope.cancel(reason="drained")

    async def _connect(self) -> LockSession:
        async with self._places:
            session = await connect_lock(
                self._url, self._bot_id, server_timeout=self._lease, on_orders=self._heartbeats.beat_now
            )
        self._say("CONNECTED")
        return CountedSession(session, self._counts)

    async def _take_over(self, holder: UUID, lock_pid: int | None) -> Term:
        return await self._inbox.take_over(holder, self._member, lock_pid)

    @asynccontextmanager
    async def _open_period(self, leader: Leader) -> AsyncIterator[_Period]:
        async with trio.open_nursery() as nursery:
            period = _Period()
            nursery.start_soon(self._act, leader, period)
            yield period
            period.close()

    async def _act(self, leader: Leader, period: _Period) -> None:
        """What stands for all that a leader does: it lasts exactly as long as the lease lets it."""
        with leader.lease.scope():
            self._say("LEADS", epoch=leader.term.epoch)
            try:
                await period.closed.wait()
            finally:
                self._say("LED", epoch=leader.term.epoch)

    def _on_transition(self, step: Transition) -> None:
        self._heartbeats.changed(step)
        if self._writing is not None:
            self._writing.start_soon(self._transition_log.record, step, datetime.now(UTC))
