"""Group commit, under the mock clock: the writer is a list and an event, no database is involved."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from svc.storage.database import DatabaseUnavailable
from svc.storage.group_commit import LONGEST_BACKOFF, GroupCommit, Overloaded

BAD = 13


class BadItem(Exception):
    """What the database says to an item that it refuses."""


@dataclass
class Table:
    """Where groups are written. `write` takes a second; while `away` it fails, an item BAD fails its whole group."""

    groups: list[list[int]] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)
    away: bool = False
    goes_away_after: int | None = None

    async def write(self, group: Sequence[int]) -> list[int]:
        self.tries.append(trio.current_time())
        await trio.sleep(1)
        if self.goes_away_after is not None and len(self.groups) >= self.goes_away_after:
            self.away = True
        if self.away:
            raise DatabaseUnavailable("away")
        if BAD in group:
            raise BadItem
        self.groups.append(list(group))
        return [item * 10 for item in group]

    @property
    def rows(self) -> list[int]:
        return [item for group in self.groups for item in group]


class Callers:
    """Starts submits in order and keeps what became of each."""

    def __init__(self, commit: GroupCommit[int, int], nursery: trio.Nursery) -> None:
        self.commit = commit
        self.nursery = nursery
        self.results: dict[int, int | Exception] = {}
        self.scopes: dict[int, trio.CancelScope] = {}

    async def submit(self, *items: int) -> None:
        """Start a caller for each of `items`, one after the other in the queue."""
        for item in items:
            await self.nursery.start(self._one, item)

    async def _one(self, item: int, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope() as self.scopes[item]:
            task_status.started()
            try:
                self.results[item] = await self.commit.submit(item)
            except (DatabaseUnavailable, BadItem) as error:
                self.results[item] = error

    def errors(self) -> dict[int, type[Exception]]:
        return {item: type(result) for item, result in self.results.items() if isinstance(result, Exception)}


@asynccontextmanager
async def running(
    table: Table, *, size: int = 100, waiting: int = 2000, durable: bool = False
) -> AsyncIterator[Callers]:
    commit: GroupCommit[int, int] = GroupCommit(table.write, size=size, waiting=waiting, durable=durable)
    with trio.fail_after(3600):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commit.run)
            await trio.testing.wait_all_tasks_blocked()
            yield Callers(commit, nursery)
            nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_single_item_is_written_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing is delayed to make a group larger."""
    table = Table()
    async with running(table) as callers:
        assert await callers.commit.submit(1) == 10
        assert table.tries == [0.0]


async def test_callers_of_one_moment_share_a_group(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever is ready to run when the first one wakes the writer is in its group."""
    table = Table()
    async with running(table) as callers:
        async with trio.open_nursery() as nursery:
            for item in range(5):
                nursery.start_soon(callers.commit.submit, item)
        assert [sorted(group) for group in table.groups] == [[0, 1, 2, 3, 4]]


async def test_whoever_is_a_step_late_still_joins(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever becomes ready in the same step as the writer is in the group, in whatever order they run."""

    async def late() -> None:
        await trio.lowlevel.checkpoint()
        await callers.commit.submit(2)

    for _ in range(16):
        table = Table()
        async with running(table) as callers:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(callers.commit.submit, 1)
                nursery.start_soon(late)
            assert table.groups == [[1, 2]]


async def test_a_group_forms_while_one_is_written(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever comes while a group is being written is in the next one, and gets the result of its own item."""
    table = Table()
    async with running(table) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, 3, 4)
        await callers.commit.flush()
        assert table.groups == [[1], [2, 3, 4]]
        await trio.testing.wait_all_tasks_blocked()
        assert callers.results == {1: 10, 2: 20, 3: 30, 4: 40}


async def test_a_group_has_a_largest_size(autojump_clock: trio.testing.MockClock) -> None:
    """No more than `size` items are written together, the rest in their order afterwards."""
    table = Table()
    async with running(table, size=3) as callers:
        await callers.submit(*range(20, 28))
        await callers.commit.flush()
        assert max(len(group) for group in table.groups) == 3
        assert table.rows == list(range(20, 28))


@pytest.mark.parametrize("durable", [False, True])
async def test_no_more_may_wait_than_the_bound(autojump_clock: trio.testing.MockClock, durable: bool) -> None:
    """A caller that comes when `waiting` others wait is told so at once, and its item is not written."""
    table = Table()
    async with running(table, waiting=2, durable=durable) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, 3)
        await trio.testing.wait_all_tasks_blocked()
        before = trio.current_time()
        with pytest.raises(Overloaded):
            await callers.commit.submit(4)
        assert trio.current_time() == before
        await callers.commit.flush()
        assert table.rows == [1, 2, 3]


@pytest.mark.parametrize("durable", [False, True])
async def test_a_bad_item_fails_alone(autojump_clock: trio.testing.MockClock, durable: bool) -> None:
    """An item that the database refuses does not fail its neighbours, nor those who come later."""
    table = Table()
    async with running(table, durable=durable) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, BAD, 4)
        await callers.commit.flush()
        assert await callers.commit.submit(5) == 50
        assert callers.errors() == {BAD: BadItem}
        assert sorted(table.rows) == [1, 2, 4, 5]


async def test_a_loss_fails_the_whole_group(autojump_clock: trio.testing.MockClock) -> None:
    """When the database is lost, everybody in the group gets the error, and the next group is tried afresh."""
    table = Table()
    async with running(table) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, 3)
        table.goes_away_after = 1
        await callers.commit.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert callers.results[1] == 10
        assert callers.errors() == {2: DatabaseUnavailable, 3: DatabaseUnavailable}
        table.away, table.goes_away_after = False, None
        assert await callers.commit.submit(4) == 40


async def test_a_loss_in_the_middle_of_a_split_group(autojump_clock: trio.testing.MockClock) -> None:
    """When the database goes while a group is written singly, those that were written before keep their result."""
    table = Table()
    async with running(table) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, BAD, 4)
        table.goes_away_after = 2
        await callers.commit.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert table.rows == [1, 2]
        assert callers.results[2] == 20
        assert callers.errors() == {BAD: DatabaseUnavailable, 4: DatabaseUnavailable}


async def test_durable_items_survive_an_outage_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """A durable item waits for the database, is written in its order, and its caller never notices the outage."""
    table = Table(away=True)
    async with running(table, size=2, durable=True) as callers:
        await callers.submit(1, 2, 3)
        await trio.sleep(60)
        await callers.submit(4)
        assert table.rows == []
        table.away = False
        await callers.commit.flush()
        assert table.rows == [1, 2, 3, 4]
        await trio.testing.wait_all_tasks_blocked()
        assert callers.results == {1: 10, 2: 20, 3: 30, 4: 40}


async def test_durable_items_are_tried_with_backoff(autojump_clock: trio.testing.MockClock) -> None:
    """During an outage tries come ever more slowly, but never further apart than the longest backoff."""
    table = Table(away=True)
    async with running(table, durable=True) as callers:
        await callers.submit(1)
        await trio.sleep(60)
        pauses = [after - before - 1 for before, after in itertools.pairwise(table.tries)]
        for pause, full in zip(pauses[:4], [0.1, 0.2, 0.4, 0.8], strict=True):
            assert full * 0.74 < pause < full * 1.01
        assert LONGEST_BACKOFF * 0.74 < max(pauses) < LONGEST_BACKOFF * 1.01


async def test_every_outage_begins_with_short_pauses(autojump_clock: trio.testing.MockClock) -> None:
    """After an outage that ended, the next one is tried as eagerly as the first."""
    table = Table(away=True)
    async with running(table, durable=True) as callers:
        await callers.submit(1)
        await trio.sleep(60)
        table.away = False
        await callers.commit.flush()
        table.away = True
        table.tries.clear()
        await callers.submit(2)
        await trio.sleep(10)
        assert 0.074 < table.tries[1] - table.tries[0] - 1 < 0.101


async def test_a_durable_split_group_is_not_written_twice(autojump_clock: trio.testing.MockClock) -> None:
    """When the database goes while a durable group is written singly, what was written is not written again."""
    table = Table()
    async with running(table, durable=True) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, BAD, 4)
        table.goes_away_after = 2
        await trio.sleep(60)
        table.away, table.goes_away_after = False, None
        await callers.commit.flush()
        assert table.rows == [1, 2, 4]
        assert callers.errors() == {BAD: BadItem}


async def test_a_cancelled_caller_leaves(autojump_clock: trio.testing.MockClock) -> None:
    """A caller that is cancelled while it waits takes its item along."""
    table = Table()
    async with running(table) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, 3)
        callers.scopes[2].cancel()
        await callers.commit.flush()
        assert table.rows == [1, 3]


async def test_a_cancelled_caller_of_a_durable_item(autojump_clock: trio.testing.MockClock) -> None:
    """A durable item is written although its caller is cancelled, while it waits and while it is being written."""
    table = Table(away=True)
    async with running(table, durable=True) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2)
        callers.scopes[1].cancel()
        callers.scopes[2].cancel()
        await trio.sleep(10)
        table.away = False
        await callers.commit.flush()
        assert table.rows == [1, 2]
        assert callers.results == {}


async def test_a_caller_cancelled_during_the_write_disturbs_nobody(autojump_clock: trio.testing.MockClock) -> None:
    """Cancelling one caller of a group that is being written does not stop the write."""
    table = Table()
    async with running(table) as callers:
        await callers.submit(1, 2)
        await trio.testing.wait_all_tasks_blocked()
        callers.scopes[1].cancel()
        await callers.commit.flush()
        assert table.rows == [1, 2]
        await trio.testing.wait_all_tasks_blocked()
        assert callers.results == {2: 20}


async def test_everybody_left(autojump_clock: trio.testing.MockClock) -> None:
    """When all who waited have left, nothing is written, flush returns, and the next caller is served."""
    table = Table()
    async with running(table) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2)
        callers.scopes[2].cancel()
        await callers.commit.flush()
        assert table.groups == [[1]]
        with trio.CancelScope() as scope:
            scope.cancel()  # before the writer has even woken up
            await callers.commit.submit(3)
        await callers.commit.flush()
        assert await callers.commit.submit(4) == 40
        assert table.groups == [[1], [4]]


async def test_flush(autojump_clock: trio.testing.MockClock) -> None:
    """Flush returns at once when there is nothing, and otherwise after the last item is written."""
    table = Table()
    async with running(table, size=1) as callers:
        await callers.commit.flush()
        assert trio.current_time() == 0
        await callers.submit(1, 2, 3)
        await callers.commit.flush()
        assert trio.current_time() == 3
        assert table.rows == [1, 2, 3]
