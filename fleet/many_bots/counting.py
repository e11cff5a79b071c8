"""Counts what candidacies ask of the database while nothing happens: heartbeats on the lock, looks at it, and what each
says of itself. The server's own count leaves out transactions that touch no table.
"""

from __future__ import annotations

from collections import Counter

import trio

from svc.leadership.postgres_lock import PostgresLockSession
from svc.storage.inbox import Term
from svc.storage.instances import Heard, Heartbeat, Instances

BEATS, LOOKS, SAYS = "beats", "looks", "says"


class CountedSession:
    """A session with the lock server that counts its statements. Implements `svc.leadership.election.LockSession`."""

    def __init__(self, session: PostgresLockSession, counts: Counter[str]) -> None:
        self._session = session
        self._counts = counts
        self.closed: trio.Event = session.closed
        self.wait_for_release = session.wait_for_release
        self.release = session.release
        self.severed = session.severed
        self.abandon = session.abandon

    @property
    def pid(self) -> int | None:
        """The session's own."""
        return self._session.pid

    async def try_lock(self) -> bool:
        """Take the lock if it is free."""
        self._counts[LOOKS] += 1
        return await self._session.try_lock()

    async def beat(self, term: Term) -> bool:
        """Whether lock and term are still ours."""
        self._counts[BEATS] += 1
        return await self._session.beat(term)


class CountedInstances:
    """What a process says of itself, counted. Implements `svc.storage.instances.Instances`."""

    def __init__(self, instances: Instances, counts: Counter[str]) -> None:
        self._instances = instances
        self._counts = counts
        self.leave = instances.leave
        self.forget = instances.forget
        self.work_waits = instances.work_waits

    async def beat(self, heartbeat: Heartbeat) -> Heard:
        """Write it down."""
        self._counts[SAYS] += 1
        return await self._instances.beat(heartbeat)
