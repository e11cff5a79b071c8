"""The database of one instance, over its link: every statement of the service goes this way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import TypeVar
from uuid import UUID

import trio

from svc.settings.environment import Fallback
from svc.storage.errors import DatabaseUnavailable
from svc.storage.group_commit import GroupCommit
from svc.storage.inbox import (
    GIVEN_UP,
    Attempt,
    BeginOutcome,
    Begun,
    CallMade,
    Ending,
    Received,
    Resolved,
    Retry,
    Stored,
    Term,
    Window,
)
from svc.storage.instances import Heard, Heartbeat, Instances
from svc.storage.looks import DueLook, KnownIds, LookOutcome, LookResult
from tests.simulation.database import SimulatedDatabase
from tests.simulation.link import Link

T = TypeVar("T")

Settlement = tuple[Attempt, Ending, Sequence[CallMade]]


class InboxOverLink:
    """`Inbox` over a link, with the real group commit in front of the statements in memory."""

    def __init__(self, database: SimulatedDatabase, link: Link) -> None:
        self._database = database
        self._inbox = database.inbox
        self._link = link
        self._stores: GroupCommit[tuple[Received, Attempt | None], Stored] = GroupCommit(
            self._store, abandoned=self._put_back
        )
        self._begins: GroupCommit[Attempt, Begun] = GroupCommit(self._begin)
        self._settlements: GroupCommit[Settlement, None] = GroupCommit(self._settle, durable=True, rng=link.rng)

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stores.run)
            nursery.start_soon(self._begins.run)
            nursery.start_soon(self._settlements.run)

    async def store(self, update: Received, attempt: Attempt | None = None) -> Stored:
        stored = await self._stores.submit((update, attempt))
        if stored.begun is not None:
            self._database.heard_begun.setdefault(update.update_id, trio.current_time())
        return stored

    async def begin(self, attempt: Attempt) -> Begun:
        begun = await self._begins.submit(attempt)
        if begun.outcome is BeginOutcome.BEGUN:
            self._database.heard_begun.setdefault(attempt.update_id, trio.current_time())
        return begun

    async def settle(self, attempt: Attempt, ending: Ending, calls: Sequence[CallMade] = ()) -> None:
        await self._settlements.submit((attempt, ending, calls))

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
        self,
        term: Term,
        policy: Fallback,
        age: float,
        held: Collection[int],
        *,
        look: bool = False,
        file_age: float = 0.0,
    ) -> Sequence[Resolved]:
        resolve = partial(self._inbox.resolve_doubts, term, policy, age, held, look=look, file_age=file_age)
        return await self._run(resolve)

    async def due_looks(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueLook]:
        return await self._run(lambda: self._inbox.due_looks(term, held, limit, without=without))

    async def settle_look(
        self, term: Term, due: DueLook, result: LookResult, policy: Fallback, *, probes: int
    ) -> LookOutcome:
        return await self._run(
            lambda: self._inbox.settle_look(term, due, result, policy, probes=probes), rows=[due.update_id]
        )

    async def known_ids(self, due: DueLook) -> KnownIds:
        return await self._run(lambda: self._inbox.known_ids(due), writes=False)

    async def note_deciding(self, term: Term, update_id: int | None) -> int:
        return await self._run(lambda: self._inbox.note_deciding(term, update_id))

    async def note_pause(self, term: Term, reason: str | None, by: str | None = None) -> None:
        await self._run(lambda: self._inbox.note_pause(term, reason, by))

    async def prune(self, age: float, limit: int) -> int:
        return await self._run(lambda: self._inbox.prune(age, limit))

    async def prune_dead(self, age: float, limit: int) -> int:
        return await self._run(lambda: self._inbox.prune_dead(age, limit))

    async def notify_leader(self, update_ids: Sequence[int] = ()) -> None:
        await self._run(lambda: self._inbox.notify_leader(update_ids), writes=False)

    async def _store(self, group: Sequence[tuple[Received, Attempt | None]]) -> list[Stored]:
        async def store(storing: tuple[Received, Attempt | None]) -> Stored:
            return await self._inbox.store(*storing)

        return await self._run(lambda: _each(store, group), rows=[update.update_id for update, _ in group])

    def _put_back(self, storing: tuple[Received, Attempt | None]) -> None:
        if storing[1] is not None:
            self._settlements.put((storing[1], Retry(0, GIVEN_UP), ()))

    async def _begin(self, group: Sequence[Attempt]) -> list[Begun]:
        return await self._run(lambda: _each(self._inbox.begin, group), rows=[each.update_id for each in group])

    async def _settle(self, group: Sequence[Settlement]) -> list[None]:
        async def work() -> list[None]:
            if self._inbox.away:
                raise DatabaseUnavailable("away")
            for attempt, ending, calls in group:
                await self._inbox.settle(attempt, ending, calls)
            return [None] * len(group)

        return await self._run(work, rows=[attempt.update_id for attempt, _, _ in group])

    async def _run(self, work: Callable[[], Awaitable[T]], *, rows: Collection[int] = (), writes: bool = True) -> T:
        return await self._link.statement(lambda: self._database.run(work, rows=rows, writes=writes))


class InstancesOverLink:
    """`Instances` over a link."""

    def __init__(self, instances: Instances, database: SimulatedDatabase, link: Link) -> None:
        self._instances = instances
        self._database = database
        self._link = link

    async def beat(self, heartbeat: Heartbeat) -> Heard:
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


async def _each(work: Callable[[T], Awaitable[object]], group: Sequence[T]) -> list:  # type: ignore[type-arg]
    return [await work(item) for item in group]
