"""The leader's lock without a server."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import trio

from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Term


@dataclass
class MemoryLockServer:
    """The lock as Postgres keeps it: held by one session, freed when that closes or is silent for `timeout`."""

    timeout: float = 3.0
    holder: MemoryLockSession | None = None
    sessions: list[MemoryLockSession] = field(default_factory=list)
    blocked: bool = False
    """While True nobody is given the lock: somebody else holds it."""

    async def connect(
        self, on_new_work: Callable[[Sequence[int]], None], on_orders: Callable[[], None] = lambda: None
    ) -> MemoryLockSession:
        """Open a session."""
        await trio.lowlevel.checkpoint()
        session = MemoryLockSession(self, on_new_work, on_orders)
        self.sessions.append(session)
        return session

    def notify_new_work(self, update_ids: Sequence[int] = ()) -> None:
        """What `NOTIFY` does for every listening session."""
        for session in self.sessions:
            session.on_new_work(update_ids)

    def notify_orders(self) -> None:
        """The same where an operator has ordered something."""
        for session in self.sessions:
            session.on_orders()

    def unblock(self) -> None:
        """Somebody else lets the lock go, and notifies those who wait."""
        self.blocked = False
        self.notify_release()

    def notify_release(self) -> None:
        """What the holder's release does for every waiting session."""
        for session in self.sessions:
            session.released.set()

    def expire(self) -> None:
        """Close sessions that have been silent for too long, as the server does."""
        now = trio.current_time()
        for session in [s for s in self.sessions if now - s.heard >= self.timeout]:
            session.abandon()


class MemoryLockSession:
    """`LockSession` on a MemoryLockServer. `cut` is a connection on which nothing arrives any more."""

    def __init__(
        self, server: MemoryLockServer, on_new_work: Callable[[Sequence[int]], None], on_orders: Callable[[], None]
    ) -> None:
        self.server = server
        self.on_new_work = on_new_work
        self.on_orders = on_orders
        self.released = trio.Event()
        self.heard = trio.current_time()
        self.closed = trio.Event()
        self.ended_at = math.inf
        self.orphaned = False
        self.cut = False

    async def _crossing(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.cut:
            await trio.sleep_forever()
        self.server.expire()
        if self.closed.is_set():
            raise DatabaseUnavailable("session closed")
        self.heard = trio.current_time()

    @property
    def pid(self) -> int | None:
        return None

    async def try_lock(self) -> bool:
        self.released = trio.Event()
        await self._crossing()
        if self.server.blocked or self.server.holder not in (None, self):
            return False
        self.server.holder = self
        return True

    async def beat(self, term: Term) -> bool:
        await self._crossing()
        return self.server.holder is self

    async def wait_for_release(self) -> None:
        await self.released.wait()

    async def release(self) -> None:
        await self._crossing()
        self.abandon()
        self.server.notify_release()

    def severed(self) -> bool:
        return self.closed.is_set()

    def abandon(self) -> None:
        self.closed.set()
        self.ended_at = min(self.ended_at, trio.current_time())
        if self in self.server.sessions:
            self.server.sessions.remove(self)
        if self.server.holder is self:
            self.server.holder = None
