"""Group commit, under the mock clock: the writer is a list and an event, no database is involved."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog.testing
import trio
import trio.testing

from svc.storage.database import DatabaseBusy, DatabaseUnavailable, StatementFailed
from svc.storage.group_commit import LONGEST_BACKOFF, GroupCommit, Overloaded

BAD = 13


class BadItem(Exception):
    """What the database says to an item that it refuses."""


@dataclass
class Table:
    """Where groups are written. `write` takes a second; while `away` it fails, an item BAD fails its whole group while
    `refuses`, and so does one that is `locked`.
    """

    groups: list[list[int]] = field(default_factory=list)
    tried: list[list[int]] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)
    locked: set[int] = field(default_factory=set)
    refuses: bool = True
    away: bool = False
    goes_away_after: int | None = None

    async def write(self, group: Sequence[int]) -> list[int]:
        self.tries.append(trio.current_time())
        self.tried.append(list(group))
        await trio.sleep(1)
        if self.goes_away_after is not None and len(self.groups) >= self.goes_away_after:
            self.away = True
        if self.away:
            raise DatabaseUnavailable("away")
        if self.locked & set(group):
            raise DatabaseBusy("locked")
        if BAD in group and self.refuses:
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


async def first(callers: Callers) -> None:
    """Let item 1 be on its way, so that those who come next are one group."""
    await callers.submit(1)
    await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def running(table: Table, **options: Any) -> AsyncIterator[Callers]:
    commit: GroupCommit[int, int] = GroupCommit(table.write, **options)
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


async def test_no_more_may_wait_than_the_bound(autojump_clock: trio.testing.MockClock) -> None:
    """A caller that comes when `waiting` others wait is told so at once, and its item is not written."""
    table = Table()
    async with running(table, waiting=2) as callers:
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


async def test_no_more_may_wait_than_the_bytes_allow(autojump_clock: trio.testing.MockClock) -> None:
    """What waits is weighed too; what leaves makes room, and one that is larger than the bound goes if none waits."""
    table = Table()
    async with running(table, weigh=int, bytes_waiting=100) as callers:
        await callers.submit(200)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(60, 39)
        with pytest.raises(Overloaded):
            await callers.commit.submit(2)
        await callers.submit(1)
        callers.scopes[60].cancel()
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(50)
        await callers.commit.flush()
        assert table.groups == [[200], [39, 1, 50]]


async def test_a_group_has_a_largest_weight(autojump_clock: trio.testing.MockClock) -> None:
    """Groups are cut by what their items weigh; one that is too heavy for any group goes alone."""
    table = Table()
    async with running(table, weigh=int, group_bytes=100) as callers:
        await callers.submit(50, 51, 49, 200, 1, 99)
        await callers.commit.flush()
        assert table.groups == [[50], [51, 49], [200], [1, 99]]


async def test_a_durable_item_is_never_refused_for_want_of_room(autojump_clock: trio.testing.MockClock) -> None:
    """What has happened must be written down, however much else waits for that."""
    table = Table(away=True)
    async with running(table, waiting=2, weigh=int, bytes_waiting=10, durable=True) as callers:
        await callers.submit(*range(20, 30))
        await trio.sleep(60)
        table.away = False
        await callers.commit.flush()
        assert table.rows == list(range(20, 30))


async def test_a_bad_item_fails_alone(autojump_clock: trio.testing.MockClock) -> None:
    """An item that the database refuses does not fail its neighbours, nor those who come later."""
    table = Table()
    async with running(table) as callers:
        await callers.submit(1)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(2, BAD, 4)
        await callers.commit.flush()
        assert await callers.commit.submit(5) == 50
        assert callers.errors() == {BAD: BadItem}
        assert sorted(table.rows) == [1, 2, 4, 5]


async def test_a_durable_bad_item_is_kept_and_tried_alone(autojump_clock: trio.testing.MockClock) -> None:
    """It holds up neither its neighbours, nor those who come later, nor a flush; each refusal is logged."""
    table = Table()
    with structlog.testing.capture_logs() as logs:
        async with running(table, durable=True) as callers:
            await first(callers)
            await callers.submit(2, BAD, 4)
            await callers.commit.flush()
            assert table.groups == [[1], [2], [4]]
            await trio.sleep(600)
            assert await callers.commit.submit(5) == 50
            assert table.tried.count([BAD]) == len(logs) > 5
            assert {line["event"] for line in logs} == {"NOT_WRITTEN"}
            assert callers.errors() == {}
            table.refuses = False
            await trio.sleep(70)
            assert callers.results[BAD] == BAD * 10
    assert sorted(table.rows) == [1, 2, 4, 5, BAD]


async def test_a_locked_item_is_busy_alone(autojump_clock: trio.testing.MockClock) -> None:
    """An item whose row somebody else has locked does not hold up its neighbours: their group is written singly."""
    table = Table(locked={3})
    async with running(table) as callers:
        await first(callers)
        await callers.submit(2, 3, 4)
        await callers.commit.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert callers.errors() == {3: DatabaseBusy}
        assert table.tried == [[1], [2, 3, 4], [2], [3], [4]]


async def test_a_durable_locked_item_is_tried_alone_while_others_go_on(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody waits for somebody else's row, and it is written soon after it is free."""
    table = Table(locked={3})
    async with running(table, durable=True) as callers:
        await first(callers)
        await callers.submit(2, 3, 4)
        await trio.sleep(60)
        assert table.groups == [[1], [2], [4]]
        before = trio.current_time()
        assert await callers.commit.submit(5) == 50
        assert trio.current_time() - before == 1
        table.locked.clear()
        await callers.commit.flush()
        assert trio.current_time() - before <= 4
        assert table.rows == [1, 2, 4, 5, 3]
        await trio.testing.wait_all_tasks_blocked()
        assert callers.results == {1: 10, 2: 20, 3: 30, 4: 40}


async def test_a_locked_table_is_not_asked_for_each_item(autojump_clock: trio.testing.MockClock) -> None:
    """After three items in a row that were busy the rest of the group is given up for now."""
    table = Table(locked=set(range(20, 40)))
    async with running(table) as callers:
        await first(callers)
        await callers.submit(*range(20, 40))
        await callers.commit.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert [len(group) for group in table.tried] == [1, 20, 1, 1, 1]
        assert callers.errors() == dict.fromkeys(range(20, 40), DatabaseBusy)


async def test_durable_items_survive_a_locked_table(autojump_clock: trio.testing.MockClock) -> None:
    """All are written once the lock is gone, those that were set aside and those that were not tried."""
    table = Table(locked=set(range(20, 40)))
    async with running(table, durable=True) as callers:
        await first(callers)
        await callers.submit(*range(20, 40))
        await trio.sleep(30)
        assert table.rows == [1]
        table.locked.clear()
        await callers.commit.flush()
        assert sorted(table.rows) == [1, *range(20, 40)]
        assert callers.errors() == {}


async def test_an_unforeseen_error_of_the_server_splits_a_group_too(autojump_clock: trio.testing.MockClock) -> None:
    """One row that the server cannot deal with, a damaged page say, holds up nobody else."""
    table = Table()
    async with running(table, durable=True) as callers:
        write = table.write

        async def damaged(group: Sequence[int]) -> list[int]:
            if 3 in group:
                raise StatementFailed("could not read block 7")
            return await write(group)

        callers.commit._write = damaged
        await first(callers)
        await callers.submit(2, 3, 4)
        await trio.sleep(10)
        assert table.groups == [[1], [2], [4]]


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
        assert callers.errors() == {}


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


async def test_what_was_written_for_nobody_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """An item whose caller leaves while its group is written is handed back after that, written or not."""
    abandoned: list[tuple[float, int]] = []
    table = Table(locked={4})
    async with running(table, abandoned=lambda item: abandoned.append((trio.current_time(), item))) as callers:
        await first(callers)
        await callers.submit(2, 3)
        callers.scopes[1].cancel()
        callers.scopes[3].cancel()  # it waits, and takes its item along
        await callers.commit.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert abandoned == [(1.0, 1)]
        await callers.submit(7)
        await trio.testing.wait_all_tasks_blocked()
        await callers.submit(4, 5, 6)
        await trio.sleep(1.5)  # they are being written
        callers.scopes[6].cancel()
        await callers.commit.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert abandoned == [(1.0, 1), (6.0, 6)]
        assert table.tried == [[1], [2], [7], [4, 5, 6], [4], [5]]
        assert table.rows == [1, 2, 7, 5]
