"""Forgetting what is over: until nothing old is left, in four tenths of the time, each kind by its setting."""

from __future__ import annotations

import math

import trio
import trio.testing

from svc.delivery.retention import PRUNE_EVERY, PRUNE_ROWS, PRUNED_A_SECOND, Kept, Retention
from svc.storage.errors import DatabaseUnavailable
from svc.storage.inbox import Received
from tests.harness import captured_logs, running_bot
from tests.memory.inbox import MemoryInbox, Processed

HOUR = 3600.0


class Table:
    """Rows of which so many are old. A statement takes `takes` seconds for each thousand rows."""

    def __init__(self, old: int, *, takes: float = 0.1) -> None:
        self.old = old
        self.takes = takes
        self.busy = 0.0
        self.limits: list[int] = []
        self.most = math.inf

    async def prune(self, age: float, limit: int) -> int:
        assert age == HOUR
        self.limits.append(limit)
        if limit > self.most:
            await trio.sleep(1.5)
            raise DatabaseUnavailable("no answer in time")
        found = min(limit, self.old)
        took = self.takes * found / 1000
        await trio.sleep(took)
        self.busy += took
        self.old -= found
        return found


async def run_until(table: Table, *, seconds: float = HOUR) -> float:
    """Prune until nothing old is left; how long that took."""
    began = trio.current_time()
    with captured_logs(), trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Retention(Kept(table.prune, HOUR)).run)
            while table.old:
                await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
    return trio.current_time() - began


async def test_pruning_catches_up(autojump_clock: trio.testing.MockClock) -> None:
    """A million rows are overdue: batch follows batch until all are gone, in four tenths of the time at most."""
    table = Table(1_000_000, takes=0.1)
    took = await run_until(table)
    assert table.old == 0
    assert table.busy * 2.5 - 1 < took < table.busy * 2.5 + 5
    assert max(table.limits) == PRUNE_ROWS


async def test_a_fast_database_is_left_time_for_others(autojump_clock: trio.testing.MockClock) -> None:
    """However fast rows can be forgotten, no more than PRUNED_A_SECOND are."""
    table = Table(1_000_000, takes=0.001)
    took = await run_until(table)
    assert table.old == 0
    assert 1_000_000 / PRUNED_A_SECOND <= took < 1_000_000 / PRUNED_A_SECOND + 5


async def test_batches_become_smaller_where_the_database_does_not_manage_them(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A statement for PRUNE_ROWS takes too long: fewer are tried, and in the end all are gone."""
    table = Table(5_000)
    table.most = PRUNE_ROWS * 3 // 4
    await run_until(table, seconds=100 * HOUR)
    assert table.old == 0
    assert min(table.limits) < PRUNE_ROWS * 3 // 4


async def test_nothing_to_forget_costs_one_statement_a_minute(autojump_clock: trio.testing.MockClock) -> None:
    """And what is kept for ever is not asked for at all."""
    table, never = Table(0), Table(10)
    with captured_logs(), trio.move_on_after(10 * PRUNE_EVERY):
        await Retention(Kept(table.prune, HOUR), Kept(never.prune, math.inf)).run()
    assert len(table.limits) == 10
    assert never.limits == []


async def test_each_kind_is_kept_as_long_as_its_setting_says(autojump_clock: trio.testing.MockClock) -> None:
    """In the whole bot: KEEP_PROCESSED, KEEP_TRANSITIONS and KEEP_DEAD are hours."""
    inbox = MemoryInbox()
    inbox.processed |= {number: Processed("done", -number * HOUR) for number in range(1, 101)}
    inbox.dead |= {number: (Received(number, 7, "message", b"{}", 0.0), "why") for number in range(1, 101)}
    inbox.died_at |= {number: -number * HOUR for number in range(1, 101)}
    now = trio.current_time()
    for number in range(1, 101):
        inbox.processed[number].at = now - number * HOUR
        inbox.died_at[number] = now - number * HOUR
    async with running_bot(inbox=inbox, keep_processed=30.0, keep_transitions=10.0, keep_dead=50.0) as bot:
        await trio.sleep(5)
        assert sorted(inbox.processed) == list(range(1, 30))
        assert sorted(inbox.dead) == list(range(1, 50))
        assert bot.transition_log.pruned[0][0] == 10 * HOUR  # type: ignore[attr-defined]


async def test_dead_updates_are_kept_for_ever_unless_it_is_set_otherwise(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each is somebody without an answer."""
    inbox = MemoryInbox()
    inbox.dead[1] = (Received(1, 7, "message", b"{}", 0.0), "why")
    inbox.died_at[1] = trio.current_time() - 100_000 * HOUR
    async with running_bot(inbox=inbox):
        await trio.sleep(120)
        assert set(inbox.dead) == {1}
