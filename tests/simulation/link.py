"""The network link between an instance and everything else, and the parts of the service that go over it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

import httpx
import trio

from svc.settings.environment import InDoubtPolicy
from svc.storage.database import DatabaseUnavailable
from svc.storage.group_commit import GroupCommit
from svc.storage.inbox import (
    Attempt,
    Begun,
    CallMade,
    Ending,
    Received,
    Resolved,
    StoreOutcome,
    Term,
    Window,
)
from svc.storage.instances import Heartbeat, Instances, Peer
from tests.memory.lock import MemoryLockSession
from tests.simulation.database import STATEMENT_DEADLINE, SimulatedDatabase

T = TypeVar("T")


class Link:
    """What an instance's round trips go over. `loss` is the share of legs that get lost, `closed` is for ever."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.closed = False
        self.loss = 0.0
        self._cuts: dict[str, trio.Event] = {}

    def cut(self, what: str) -> None:
        """Nothing passes to or from `what` ("database", "lock", "telegram") until `restore`."""
        self._cuts.setdefault(what, trio.Event())

    def restore(self, what: str) -> None:
        """`what` can be reached again."""
        cut = self._cuts.pop(what, None)
        if cut is not None:
            cut.set()

    def is_cut(self, what: str) -> bool:
        """Whether `what` is cut off."""
        return what in self._cuts

    async def leg(self, what: str) -> None:
        """One leg of a round trip: held up while `what` is cut off, for ever once the link is closed."""
        await trio.lowlevel.checkpoint()
        while what in self._cuts:
            await self._cuts[what].wait()
        if self.closed:
            await trio.sleep_forever()

    async def statement(self, work: Callable[[], Awaitable[T]]) -> T:
        """A database statement: either leg may be lost, or take longer than its deadline."""
        with trio.move_on_after(STATEMENT_DEADLINE + 0.1):
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
    """`Inbox` over a link, with the real group commit in front of the statements in memory."""

    def __init__(self, database: SimulatedDatabase, link: Link) -> None:
        self._database = database
        self._inbox = database.inbox
        self._link = link
        self._stores: GroupCommit[Received, StoreOutcome] = GroupCommit(self._store)
        self._begins: GroupCommit[Attempt, Begun] = GroupCommit(self._begin)
        self._settlements: GroupCommit[tuple[Attempt, Ending], None] = GroupCommit(
            self._settle, durable=True, rng=link.rng
        )

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stores.run)
            nursery.start_soon(self._begins.run)
            nursery.start_soon(self._settlements.run)

    async def store(self, update: Received) -> StoreOutcome:
        return await self._stores.submit(update)

    async def begin(self, attempt: Attempt) -> Begun:
        return await self._begins.submit(attempt)

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        await self._settlements.submit((attempt, ending))

    async def flush(self) -> None:
        await self._settlements.flush()

    async def dismiss(self, update_id: int) -> None:
        await self._run(lambda: self._inbox.dismiss(update_id), rows=[update_id])

    async def backfill(self, limit: int, *, after: int | None = None, without: Collection[int] = ()) -> Window:
        return await self._run(lambda: self._inbox.backfill(limit, after=after, without=without), writes=False)

    async def newest(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        return await self._run(lambda: self._inbox.newest(limit, without=without), writes=False)

    async def fetch(self, update_ids: Sequence[int]) -> list[Received]:
        return await self._run(lambda: self._inbox.fetch(update_ids), writes=False)

    async def followers(self, chat_ids: Sequence[int], limit: int) -> list[Received]:
        return await self._run(lambda: self._inbox.followers(chat_ids, limit), writes=False)

    async def take_over(self, holder: UUID, instance: str, lock_pid: int | None = None) -> Term:
        return await self._run(lambda: self._inbox.take_over(holder, instance))

    async def rehearse(self) -> None:
        await self._run(self._inbox.rehearse, writes=False)

    async def resolve_doubts(
        self, term: Term, policy: InDoubtPolicy, age: float, held: Collection[int]
    ) -> Sequence[Resolved]:
        return await self._run(lambda: self._inbox.resolve_doubts(term, policy, age, held))

    async def note_deciding(self, term: Term, update_id: int | None) -> int:
        return await self._run(lambda: self._inbox.note_deciding(term, update_id))

    async def note_pause(self, term: Term, reason: str | None) -> None:
        await self._run(lambda: self._inbox.note_pause(term, reason))

    async def prune(self, age: float, limit: int) -> int:
        return await self._run(lambda: self._inbox.prune(age, limit))

    async def prune_dead(self, age: float, limit: int) -> int:
        return await self._run(lambda: self._inbox.prune_dead(age, limit))

    async def notify_leader(self, update_ids: Sequence[int] = ()) -> None:
        await self._run(lambda: self._inbox.notify_leader(update_ids), writes=False)

    async def _store(self, group: Sequence[Received]) -> list[StoreOutcome]:
        return await self._run(lambda: _each(self._inbox.store, group), rows=[each.update_id for each in group])

    async def _begin(self, group: Sequence[Attempt]) -> list[Begun]:
        return await self._run(lambda: _each(self._inbox.begin, group), rows=[each.update_id for each in group])

    async def _settle(self, group: Sequence[tuple[Attempt, Ending]]) -> list[None]:
        async def work() -> list[None]:
            if self._inbox.away:
                raise DatabaseUnavailable("away")
            for attempt, ending in group:
                await self._inbox.settle(attempt, ending)
            return [None] * len(group)

        return await self._run(work, rows=[attempt.update_id for attempt, _ in group])

    async def _run(self, work: Callable[[], Awaitable[T]], *, rows: Collection[int] = (), writes: bool = True) -> T:
        return await self._link.statement(lambda: self._database.run(work, rows=rows, writes=writes))


class InstancesOverLink:
    """`Instances` over a link."""

    def __init__(self, instances: Instances, database: SimulatedDatabase, link: Link) -> None:
        self._instances = instances
        self._database = database
        self._link = link

    async def beat(self, heartbeat: Heartbeat) -> list[Peer]:
        # Its commit waits for no standby.
        return await self._run(lambda: self._instances.beat(heartbeat))

    async def leave(self) -> None:
        await self._run(self._instances.leave)

    async def forget(self, age: float) -> None:
        await self._run(lambda: self._instances.forget(age))

    async def work_waits(self) -> bool:
        return await self._run(self._instances.work_waits)

    async def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        return await self._link.statement(lambda: self._database.run(work, writes=False))


class LockSessionOverLink:
    """`LockSession` over a link."""

    def __init__(self, session: MemoryLockSession, link: Link) -> None:
        self.session = session
        self._link = link
        self.closed = trio.Event()

    async def listen(self) -> None:
        """Learn of the connection's end, once that has come over the link."""
        await self.session.closed.wait()
        await self._link.leg("lock")
        self.closed.set()

    @property
    def pid(self) -> int | None:
        return None

    async def try_lock(self) -> bool:
        await self._link.leg("lock")
        taken = await self.session.try_lock()
        await self._link.leg("lock")
        return taken

    async def beat(self, term: Term) -> bool:
        await self._link.leg("lock")
        ours = await self.session.beat(term)
        await self._link.leg("lock")
        return ours

    async def wait_for_release(self) -> None:
        await self.session.wait_for_release()
        await self._link.leg("lock")

    async def release(self) -> None:
        await self._link.leg("lock")
        await self.session.release()

    def abandon(self) -> None:
        # Over a closed or cut link not even the end of a connection gets through: the server has to find out by itself.
        if not self._link.closed and not self._link.is_cut("lock"):
            self.session.abandon()
        else:
            self.session.on_new_work = _nothing


class Observer(Protocol):
    """What watches the calls of one instance."""

    def arrived(self, request: httpx.Request) -> None:
        """Called right before a request has its effect."""

    def unheard(self, request: httpx.Request, waited: float, *, cancelled: bool) -> None:
        """Called where a request that had arrived ends without an answer that tells what became of it.

        `waited` is how long the call has taken, in seconds.
        """


class TransportOverLink(httpx.AsyncBaseTransport):
    """The way to Telegram over a link."""

    def __init__(self, inner: httpx.AsyncBaseTransport, link: Link, observer: Observer) -> None:
        self._inner = inner
        self._link = link
        self._observer = observer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        began = trio.current_time()
        await self._link.leg("telegram")
        self._observer.arrived(request)
        try:
            response = await self._inner.handle_async_request(request)
            await self._link.leg("telegram")
        except BaseException as error:
            cancelled = isinstance(error, trio.Cancelled)
            self._observer.unheard(request, trio.current_time() - began, cancelled=cancelled)
            raise
        if response.status_code >= 500:
            self._observer.unheard(request, trio.current_time() - began, cancelled=False)
        return response


async def _each(work: Callable[[T], Awaitable[object]], group: Sequence[T]) -> list:  # type: ignore[type-arg]
    return [await work(item) for item in group]


def _nothing(_update_ids: Sequence[int]) -> None:
    """Nobody listens any more."""
