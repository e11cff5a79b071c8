"""The election: one session lock in Postgres, a lease on top of it, and an epoch for every term.

Elect     try for the lock now and then, and at once when its holder announces the release; then begin a new term. Who
          had better not lead (stepping_down.py) does not try.
Renew     send heartbeats. Each that comes back moves the lease's end (lease.py); bad news ends the lease.
Resign    unlock and announce it, or, if that cannot be done, close the connection.

What talks to Postgres is a `LockSession`; this file only decides and waits.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

import structlog
import trio

from svc.leadership.lease import Lease, LeaseTimes
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import Term
from svc.waiting import jittered

log = structlog.get_logger()

TRY_EVERY = 0.3
RECONNECT_AFTER = 0.6
RESIGN_DEADLINE = 1.0
LOCK_CLOSED = "the lock's connection is closed"


class LockSession(Protocol):
    """One connection of its own to the lock server. Methods raise DatabaseUnavailable when they get no answer."""

    closed: trio.Event
    """Set as soon as the connection is known to be closed, and the lock gone with it."""

    @property
    def pid(self) -> int | None:
        """The number of the session on the lock server, if it has one."""

    async def try_lock(self) -> bool:
        """Take the lock if it is free."""

    async def beat(self, term: Term) -> bool:
        """Whether the lock and the term are still ours, and notifications would still reach us."""

    async def wait_for_release(self) -> None:
        """Return once the holder has announced, since the last attempt, that it released the lock."""

    async def release(self) -> None:
        """Unlock, announce it and close."""

    def severed(self) -> bool:
        """Whether the other end has closed the connection, as the system knows this instant: `closed` follows when it
        has been read. Does not wait.
        """

    def abandon(self) -> None:
        """Close at once, without a word: a lock that may have been granted goes with the connection."""


@dataclass(frozen=True)
class Leader:
    """Proof of having been elected: the session that holds the lock, the term and its lease.

    `heard` is when it became known that the lock was free, on Trio's clock. `announced`: whoever had it before has said
    so, and has not died of anything.
    """

    session: LockSession
    term: Term
    lease: Lease
    heard: float
    announced: bool

    def may_send(self) -> bool:
        """Whether a request may leave this instant. Asked right before it is written: where the server has closed the
        session another may lead already, and a busy process comes to read of that only later.
        """
        if self.session.severed():
            self.lease.end(LOCK_CLOSED)
        return not self.lease.over


TakeOver = Callable[[UUID, int | None], Awaitable[Term]]


class Candidacy(Protocol):
    """Whether this instance should try for the lock."""

    def may_lead(self) -> bool:
        """Whether it should now."""

    async def until_may_lead(self) -> None:
        """Return once it should."""


class _Always:
    def may_lead(self) -> bool:
        return True

    async def until_may_lead(self) -> None:
        return


class Election:
    """The protocol above, over sessions made by `connect`; `take_over` begins a new term in the database.

    Without a `candidacy` it always tries for the lock.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[LockSession]],
        take_over: TakeOver,
        times: LeaseTimes,
        *,
        rng: random.Random,
        candidacy: Candidacy | None = None,
    ) -> None:
        self._candidacy = candidacy or _Always()
        self._connect = connect
        self._take_over = take_over
        self._times = times
        self._rng = rng

    async def elect(self) -> Leader:
        """Wait until the lock is ours and a new term has begun. Survives every loss of the database."""
        log.info("LOCK_WAIT")
        while True:
            await self._candidacy.until_may_lead()
            try:
                leader = await self._campaign()
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", error=str(error))
            else:
                if leader is not None:
                    return leader
            await trio.sleep(jittered(RECONNECT_AFTER, self._rng))

    async def renew(self, leader: Leader) -> None:
        """Keep the lease until cancelled; bad news ends it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_heartbeats, leader)
            await leader.session.closed.wait()
            # The lock went with the connection: another may start this instant, so no heartbeat is waited for.
            leader.lease.end(LOCK_CLOSED)

    async def resign(self, leader: Leader) -> None:
        """Release the lock and announce it. Shielded and bounded: it is the short write that must finish."""
        done = False
        with trio.move_on_after(RESIGN_DEADLINE, shield=True):
            try:
                await leader.session.release()
                done = True
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", error=str(error))
        if done:
            log.info("LOCK_RELEASED", epoch=leader.term.epoch)
        else:
            leader.session.abandon()

    async def _send_heartbeats(self, leader: Leader) -> None:
        while True:
            sent = trio.current_time()
            try:
                ours = await leader.session.beat(leader.term)
            except DatabaseUnavailable as error:
                # As long as the connection stands the next heartbeat may come back, in time for the lease.
                log.warning("DB_LOST", error=str(error))
            else:
                if not ours:
                    leader.lease.end("the lock or the term is no longer ours")
                    return
                leader.lease.renew(sent + self._times.length)
            await trio.sleep_until(sent + self._times.heartbeat)

    async def _campaign(self) -> Leader | None:
        """Try until the lock is ours; None if it has turned out that somebody else should have it."""
        async with self._session() as session:
            sent, announced = trio.current_time(), False
            while not await session.try_lock():
                with trio.move_on_after(jittered(TRY_EVERY, self._rng)) as waiting:
                    await session.wait_for_release()
                announced = not waiting.cancelled_caught
                if not self._candidacy.may_lead():
                    session.abandon()
                    return None
                sent = trio.current_time()
            term = await self._take_over(uuid4(), session.pid)
            return Leader(session, term, Lease(sent + self._times.length), heard=sent, announced=announced)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[LockSession]:
        """A session that outlives the block only if the block ends well."""
        session = await self._connect()
        try:
            yield session
        except BaseException:
            session.abandon()
            raise
