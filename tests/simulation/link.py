"""The door between an instance and the world, and the parts of the service that go through it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar
from uuid import UUID

import httpx
import trio

from svc.settings.environment import InDoubtPolicy
from svc.storage.database import DatabaseUnavailable
from svc.storage.group_commit import GroupCommit
from svc.storage.inbox import Attempt, Begun, CallMade, Ending, Received, Term
from tests.memory.inbox import MemoryInbox
from tests.memory.lock import MemoryLockSession

T = TypeVar("T")


class Link:
    """What an instance's crossings meet. `paused` holds all of them up, `shut` is for ever."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.shut = False
        self.loss = 0.0
        self._held: dict[str, trio.Event] = {}

    def hold(self, what: str) -> None:
        """Nothing passes to `what` ("database", "lock", "telegram") until `let`."""
        self._held.setdefault(what, trio.Event())

    def let(self, what: str) -> None:
        """`what` can be reached again."""
        held = self._held.pop(what, None)
        if held is not None:
            held.set()

    def holds(self, what: str) -> bool:
        """Whether `what` is cut off."""
        return what in self._held

    async def leg(self, what: str) -> None:
        """One way through: held up while `what` is cut off, for ever once the door is shut."""
        await trio.lowlevel.checkpoint()
        while what in self._held:
            await self._held[what].wait()
        if self.shut:
            await trio.sleep_forever()

    async def statement(self, work: Callable[[], Awaitable[T]]) -> T:
        """A database statement: either leg may be lost, or take longer than its deadline."""
        with trio.move_on_after(1.5):
            await self.leg("database")
            if self.rng.random() < self.loss:
                raise DatabaseUnavailable("the statement was lost")
            result = await work()
            if self.rng.random() < self.loss:
                raise DatabaseUnavailable("the answer was lost")
            await self.leg("database")
            return result
        raise DatabaseUnavailable("no answer in time")


class InboxOverLink:
    """`Inbox` through a door, with the real group commit in front of the memory's statements."""

    def __init__(self, inbox: MemoryInbox, door: Link) -> None:
        self._inbox = inbox
        self._door = door
        self._stores: GroupCommit[Received, bool] = GroupCommit(self._store)
        self._begins: GroupCommit[Attempt, Begun] = GroupCommit(self._begin)
        self._settlements: GroupCommit[tuple[Attempt, Ending], None] = GroupCommit(
            self._settle, durable=True, rng=door.rng
        )

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stores.run)
            nursery.start_soon(self._begins.run)
            nursery.start_soon(self._settlements.run)

    async def store(self, update: Received) -> bool:
        return await self._stores.submit(update)

    async def begin(self, attempt: Attempt) -> Begun:
        return await self._begins.submit(attempt)

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        await self._settlements.submit((attempt, ending))

    async def flush(self) -> None:
        await self._settlements.flush()

    async def dismiss(self, update_id: int) -> None:
        await self._door.statement(lambda: self._inbox.dismiss(update_id))

    async def backfill(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        return await self._door.statement(lambda: self._inbox.backfill(limit, without=without))

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        return await self._door.statement(lambda: self._inbox.take_over(holder, instance))

    async def mark_lost(self, term: Term, held: Collection[int], age: float) -> int:
        return await self._door.statement(lambda: self._inbox.mark_lost(term, held, age))

    async def resolve_doubts(self, term: Term, policy: InDoubtPolicy, age: float) -> Sequence[int]:
        return await self._door.statement(lambda: self._inbox.resolve_doubts(term, policy, age))

    async def prune(self, age: float, limit: int) -> int:
        return await self._door.statement(lambda: self._inbox.prune(age, limit))

    async def notify_leader(self) -> None:
        await self._door.statement(self._inbox.notify_leader)

    async def _store(self, group: Sequence[Received]) -> list[bool]:
        return await self._door.statement(lambda: _each(self._inbox.store, group))

    async def _begin(self, group: Sequence[Attempt]) -> list[Begun]:
        return await self._door.statement(lambda: _each(self._inbox.begin, group))

    async def _settle(self, group: Sequence[tuple[Attempt, Ending]]) -> list[None]:
        async def work() -> list[None]:
            if self._inbox.away:
                raise DatabaseUnavailable("away")
            for attempt, ending in group:
                await self._inbox.settle(attempt, ending)
            return [None] * len(group)

        return await self._door.statement(work)


class LockSessionOverLink:
    """`LockSession` through a door."""

    def __init__(self, session: MemoryLockSession, door: Link) -> None:
        self.session = session
        self._door = door
        self.closed = trio.Event()

    async def listen(self) -> None:
        """Hear of the connection's end, once that comes through the door."""
        await self.session.closed.wait()
        await self._door.leg("lock")
        self.closed.set()

    @property
    def pid(self) -> int | None:
        return None

    async def try_lock(self) -> bool:
        await self._door.leg("lock")
        taken = await self.session.try_lock()
        await self._door.leg("lock")
        return taken

    async def beat(self, term: Term) -> bool:
        await self._door.leg("lock")
        ours = await self.session.beat(term)
        await self._door.leg("lock")
        return ours

    async def wait_for_release(self) -> None:
        await self.session.wait_for_release()
        await self._door.leg("lock")

    async def release(self) -> None:
        await self._door.leg("lock")
        await self.session.release()

    def abandon(self) -> None:
        # Through a closed or held door not even the end of a connection is heard: the server has to find out.
        if not self._door.shut and not self._door.holds("lock"):
            self.session.abandon()
        else:
            self.session.on_new_work = _nothing


class TransportOverLink(httpx.AsyncBaseTransport):
    """The way to Telegram through a door; `arrived` is called right before a request has its effect."""

    def __init__(self, inner: httpx.AsyncBaseTransport, door: Link, arrived: Callable[[httpx.Request], None]) -> None:
        self._inner = inner
        self._door = door
        self._arrived = arrived

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._door.leg("telegram")
        self._arrived(request)
        response = await self._inner.handle_async_request(request)
        await self._door.leg("telegram")
        return response


async def _each(work: Callable[[T], Awaitable[object]], group: Sequence[T]) -> list:  # type: ignore[type-arg]
    return [await work(item) for item in group]


def _nothing() -> None:
    """Nobody listens any more."""
