"""Leadership: one session lock in Postgres, a lease on top of it, and an epoch for every term.

Acquire   try for the lock now and then, and at once when its holder announces that it let go; then take a new term.
Hold      beat. The ACTIVE period is a cancel scope, and its deadline IS the lease: `LENGTH` after the moment at
          which the last heartbeat that came back was sent. No beat, no period, without anybody having to decide.
Release   unlock and announce it, or, if that cannot be done, close the connection.

The server ends the silent session no earlier than `server_timeout` after that heartbeat, which is later than the
lease's end: a paused or cut-off holder has stopped before another can start. Only the rates of clocks matter.

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

from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import Term

log = structlog.get_logger()

TRY_EVERY = 0.25
RECONNECT_AFTER = 0.5
RELEASE_DEADLINE = 1.0


@dataclass(frozen=True)
class Lease:
    """The times of leadership, all from the one setting LEASE (`server_timeout`, T), in seconds."""

    server_timeout: float = 3.0

    @property
    def length(self) -> float:
        """L: how long after sending a heartbeat that came back the holder may act."""
        return self.server_timeout * 2 / 3

    @property
    def heartbeat(self) -> float:
        """How often the holder beats."""
        return self.server_timeout / 6


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
        """Whether the lock and the term are still ours, and announcements would still reach us."""

    async def wait_for_release(self) -> None:
        """Return once the holder has announced, since the last attempt, that it let go."""

    async def release(self) -> None:
        """Unlock, announce it and close."""

    def abandon(self) -> None:
        """Close at once, without a word: a lock that may have been granted goes with the connection."""


class Leader:
    """Proof of having won: the session that holds the lock, the term, and the scope that all its work runs in.

    The deadline of `scope` is the end of the lease. `heard` is when it became known that the lock was free.
    """

    def __init__(self, session: LockSession, term: Term, *, lease_end: float, heard: float) -> None:
        self.session = session
        self.term = term
        self.heard = heard
        self.scope = trio.CancelScope(deadline=lease_end)
        self.why_lost = "the lease ran out"
        self._lost = trio.Event()

    def lose(self, reason: str) -> None:
        """End the period now."""
        self.why_lost = reason
        self.scope.cancel(reason=reason)
        self._lost.set()

    async def lost(self) -> None:
        """Return once the period has to end: it was lost, or the lease has run out."""
        while not self.scope.cancel_called:
            with trio.move_on_at(self.scope.deadline):
                await self._lost.wait()

    @property
    def lease_left(self) -> float:
        """How long its work may go on without another heartbeat, in seconds."""
        return max(0.0, self.scope.deadline - trio.current_time())


TakeOver = Callable[[UUID, int | None], Awaitable[Term]]


class Leadership:
    """The protocol above, over sessions made by `connect`; `take_over` begins a new term in the database."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[LockSession]],
        take_over: TakeOver,
        lease: Lease,
        *,
        rng: random.Random,
    ) -> None:
        self._connect = connect
        self._take_over = take_over
        self._lease = lease
        self._rng = rng

    async def acquire(self) -> Leader:
        """Wait until the lock is ours and a new term has begun. Survives every loss of the database."""
        log.info("LOCK_WAIT")
        while True:
            try:
                return await self._campaign()
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", error=str(error))
            await trio.sleep(self._jitter(RECONNECT_AFTER))

    async def hold(self, leader: Leader) -> None:
        """Keep the lease until the period ends; bad news ends it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._beat, leader)
            await leader.session.closed.wait()
            # The lock went with the connection: another may start this instant, so no beat is waited for.
            leader.lose("the lock's connection is closed")

    async def _beat(self, leader: Leader) -> None:
        """Every beat that comes back moves the lease's end."""
        while True:
            sent = trio.current_time()
            try:
                ours = await leader.session.beat(leader.term)
            except DatabaseUnavailable as error:
                # As long as the connection stands the next beat may come back, in time for the lease.
                log.warning("DB_LOST", error=str(error))
            else:
                if not ours:
                    leader.lose("the lock or the term is no longer ours")
                    return
                leader.scope.deadline = sent + self._lease.length
            await trio.sleep_until(sent + self._lease.heartbeat)

    async def release(self, leader: Leader) -> None:
        """Let go and say so. Shielded and bounded: it is the short write that must finish."""
        done = False
        with trio.move_on_after(RELEASE_DEADLINE, shield=True):
            try:
                await leader.session.release()
                done = True
            except DatabaseUnavailable as error:
                log.warning("DB_LOST", error=str(error))
        if done:
            log.info("LOCK_RELEASED", epoch=leader.term.epoch)
        else:
            leader.session.abandon()

    async def _campaign(self) -> Leader:
        async with self._session() as session:
            sent = trio.current_time()
            while not await session.try_lock():
                with trio.move_on_after(self._jitter(TRY_EVERY)):
                    await session.wait_for_release()
                sent = trio.current_time()
            term = await self._take_over(uuid4(), session.pid)
            return Leader(session, term, lease_end=sent + self._lease.length, heard=sent)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[LockSession]:
        """A session that outlives the block only if the block ends well."""
        session = await self._connect()
        try:
            yield session
        except BaseException:
            session.abandon()
            raise

    def _jitter(self, seconds: float) -> float:
        return seconds * self._rng.uniform(0.8, 1.2)
