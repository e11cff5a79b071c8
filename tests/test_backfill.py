"""Reading back: what is known by name is found at once whatever waits, and the sweep finds the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import TypeVar, cast

import trio
import trio.testing

from svc.delivery.active_period import ActivePeriod
from svc.delivery.backfill import CHATS_AT_ONCE, IDS_AT_ONCE, LOOK_EVERY, SWEEP_UPDATES, backfill
from svc.delivery.first_window import FirstWindow
from svc.queue.chat_queue import ChatQueue
from svc.storage.inbox import Received, Window
from tests.harness import captured_logs
from tests.memory.large_inbox import LargeInbox

T = TypeVar("T")


def update(update_id: int, chat_id: int, size: int = 2) -> Received:
    """An update of which only the ids and the size matter."""
    return Received(update_id, chat_id, "message", b"x" * size, 0.0)


class SlowInbox(LargeInbox):
    """An inbox that counts what it is asked for. Each answer takes `takes` seconds."""

    def __init__(self, *, window: int = 2000, takes: float = 0.0) -> None:
        super().__init__(window=window)
        self.takes = takes
        self.windows: list[tuple[float, int | None]] = []
        self.left_out: list[int] = []
        self.asked: list[int] = []

    async def backfill(self, limit: int, *, after: int | None = None, without: Collection[int] = ()) -> Window:
        self.windows.append((trio.current_time(), after))
        self.left_out.append(len(without))
        assert limit <= SWEEP_UPDATES
        return await self._late(await super().backfill(limit, after=after, without=without))

    async def fetch(self, update_ids: Sequence[int]) -> list[Received]:
        self.asked.append(len(update_ids))
        return await self._late(await super().fetch(update_ids))

    async def followers(self, chat_ids: Sequence[int], limit: int) -> list[Received]:
        assert len(chat_ids) <= CHATS_AT_ONCE
        return await self._late(await super().followers(chat_ids, limit))

    async def _late(self, answer: T) -> T:
        await trio.sleep(self.takes)
        return answer


class Reading:
    """A queue that is fed from an inbox, and one who works through it: when each update was finished."""

    def __init__(self, inbox: SlowInbox, queue: ChatQueue) -> None:
        self.inbox = inbox
        self.queue = queue
        self.began = trio.current_time()
        self.finished: dict[int, float] = {}
        self.retried: dict[int, float] = {}

    async def work(self, takes: float = 0.01) -> None:
        """Take `takes` seconds for each update; put off once those that are in `retried`, by so many seconds."""
        while True:
            taken = await self.queue.take()
            delay = self.retried.pop(taken.update_id, None)
            row = self.inbox.rows[taken.update_id]
            assert not self.inbox._older(row), "out of order"
            await trio.sleep(takes)
            if delay is None:
                del self.inbox.rows[taken.update_id]
                self.finished[taken.update_id] = trio.current_time()
                self.queue.done(taken)
            else:
                row.attempts, row.available = 1, trio.current_time() + delay
                self.queue.set_aside(taken, delay)

    async def finish(self, *update_ids: int) -> None:
        """Return once these are finished; at least all that is in the inbox if none is named."""
        while not (set(update_ids) <= self.finished.keys() if update_ids else not self.inbox.rows):
            await trio.sleep(0.01)


@asynccontextmanager
async def reading(inbox: SlowInbox, *, workers: int = 4, takes: float = 0.01) -> AsyncIterator[Reading]:
    """A period of which only the queue and the inbox matter, and its workers."""
    queue = ChatQueue()
    running = Reading(inbox, queue)
    first = FirstWindow()
    period = cast(ActivePeriod, SimpleNamespace(queue=queue, inbox=inbox, first_window=first))
    with captured_logs(), trio.fail_after(3600):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.read, inbox)
            nursery.start_soon(backfill, period)
            for _ in range(workers):
                nursery.start_soon(running.work, takes)
            yield running
            nursery.cancel_scope.cancel()


async def test_after_a_takeover_the_sweep_finds_everything(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing was hinted or notified: 3,000 chats with three updates each, in windows of 100 rows: in order."""
    inbox = SlowInbox(window=100)
    inbox.fill(update(number, number % 3000 + 1) for number in range(1, 9001))
    async with reading(inbox) as running:
        await running.finish()
        assert len(running.finished) == 9000
        assert max(inbox.left_out) <= 3300


async def test_a_backlog_of_one_chat_keeps_no_other_chats_retry_waiting(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Behind rows of one chat that fill half a minute of windows, another's retry is made when it is due."""
    inbox = SlowInbox(window=20)
    inbox.fill(update(number, 1) for number in range(1, 6001))
    inbox.fill([update(9000, 2)])
    async with reading(inbox, takes=1.0) as running:
        running.retried[9000] = 5.0
        running.queue.news.tell([9000])
        await running.finish(9000)
        assert trio.current_time() - running.began < 1.0 + 5.0 + 1.0 + 0.1
        assert len(inbox.rows) > 5900


async def test_a_chats_own_backlog_is_worked_off_without_a_stop(autojump_clock: trio.testing.MockClock) -> None:
    """Asking the inbox takes as long as three updates do: more is asked for while some are left, so none waits."""
    inbox = SlowInbox(takes=0.03)
    inbox.fill(update(number, 1) for number in range(1, 401))
    async with reading(inbox) as running:
        await running.finish()
        times = sorted(running.finished.values())[17:]
        assert max(later - earlier for earlier, later in pairwise(times)) < 0.011


async def test_windows_that_bring_nothing_are_paced_and_the_round_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """50,000 rows of a chat that must wait for an hour: ten windows a second, and who is behind them is found."""
    inbox = SlowInbox()
    inbox.fill(update(number, 1) for number in range(1, 50_001))
    inbox.rows[1].attempts, inbox.rows[1].available = 1, trio.current_time() + 3600
    inbox.fill([update(60_000, 2)])
    async with reading(inbox) as running:
        began = trio.current_time()
        await running.finish(60_000)
        rounds = 50_000 / 2000 + 1
        assert trio.current_time() - began <= rounds * LOOK_EVERY + 0.1
        await trio.sleep(30)
        pauses = [later - earlier for (earlier, _), (later, _) in pairwise(inbox.windows)]
        assert len(inbox.windows) < 10 * 33
        assert sum(pause >= LOOK_EVERY - 1e-6 for pause in pauses) >= len(pauses) - 1


async def test_what_was_stored_elsewhere_is_fetched_by_its_id_behind_any_backlog(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A newcomer that another instance has stored is next but two; a thousand ids are read in a few statements."""
    inbox = SlowInbox()
    inbox.fill(update(number, number) for number in range(1, 20_001))
    async with reading(inbox, workers=1) as running:
        await trio.sleep(1)
        inbox.fill([update(30_000, 30_000)])
        before = len(running.finished)
        running.queue.news.tell([30_000])
        await running.finish(30_000)
        assert len(running.finished) - before <= 5
        inbox.asked.clear()
        inbox.fill(update(number, number) for number in range(40_000, 41_000))
        running.queue.news.tell(range(40_000, 41_000))
        await trio.sleep(0.5)
        assert len(inbox.asked) == 4
        assert max(inbox.asked) == IDS_AT_ONCE


async def test_where_nobody_knows_what_is_new_the_newest_are_looked_at(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A notification without ids: the newcomer is found behind a backlog all the same."""
    inbox = SlowInbox()
    inbox.fill(update(number, number) for number in range(1, 20_001))
    async with reading(inbox, workers=1) as running:
        await trio.sleep(1)
        inbox.fill([update(30_000, 30_000)])
        before = len(running.finished)
        running.queue.news.tell()
        await running.finish(30_000)
        assert len(running.finished) - before <= 5


async def test_answers_that_are_cut_off_by_their_bytes_are_asked_for_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """An answer has 8 MiB at most: of twenty notified updates of a mebibyte, and their chats, none is forgotten."""
    inbox = SlowInbox(window=20)
    async with reading(inbox) as running:
        await trio.sleep(0.5)
        # The sweep needs twenty seconds to reach them, behind a chat that must wait.
        inbox.fill(update(number, 1) for number in range(1, 4001))
        inbox.rows[1].attempts, inbox.rows[1].available = 1, trio.current_time() + 3600
        large = range(10_000, 10_020)
        inbox.fill(update(number, number, 2**20) for number in large)
        inbox.fill(update(number + 1000, number, 2**20) for number in large)
        running.queue.news.tell(large)
        told = trio.current_time()
        await running.finish(*large)
        await running.finish(*(number + 1000 for number in large))
        assert trio.current_time() - told < 5
        assert running.queue.bytes == 0


async def test_while_the_database_is_away_nothing_is_forgotten(autojump_clock: trio.testing.MockClock) -> None:
    """Ids that are due or told of, and a chat that runs dry, are asked for again about once a second."""
    inbox = SlowInbox()
    inbox.fill(update(number, 1) for number in range(1, 41))
    inbox.fill([update(50, 2)])
    async with reading(inbox) as running:
        running.retried[50] = 1.0
        await trio.sleep(0.05)
        inbox.go_away()
        inbox.fill([update(100, 3)])
        running.queue.news.tell([100])
        await trio.sleep(30)
        assert not {50, 100, 40} & running.finished.keys()
        assert len(inbox.asked) < 100
        inbox.come_back()
        began = trio.current_time()
        await running.finish()
        assert trio.current_time() - began < 3


async def test_a_chat_is_taken_up_again_where_its_first_waits_for_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A retry of a chat with others behind it: when it is due it comes first, then they, and no other chat waits."""
    inbox = SlowInbox()
    inbox.fill(update(number, 1) for number in range(1, 31))
    inbox.fill(update(number, number) for number in range(100, 200))
    async with reading(inbox) as running:
        running.retried[3] = 7.0
        await running.finish()
        assert [number for number in running.finished if number < 100] == list(range(1, 31))
        assert max(running.finished[number] for number in range(100, 200)) < running.finished[3]


async def test_updates_without_a_chat_keep_nobody_waiting(autojump_clock: trio.testing.MockClock) -> None:
    """One of them is put off for a minute: the other fifty are worked on meanwhile, and four side by side."""
    inbox = SlowInbox()
    inbox.fill(replace(update(number, 0)) for number in range(1, 52))
    async with reading(inbox, takes=1.0) as running:
        running.retried[1] = 60.0
        await running.finish(*range(2, 52))
        assert trio.current_time() - running.began <= 14
        assert set(inbox.rows) == {1}
        await running.finish(1)


async def test_the_sweep_goes_on_behind_what_there_was_no_room_for(autojump_clock: trio.testing.MockClock) -> None:
    """Payloads fill the queue's bytes before its places: the oldest are worked on first all the same."""
    inbox = SlowInbox()
    inbox.fill(update(number, number, 2**18) for number in range(1, 301))
    async with reading(inbox, workers=1) as running:
        await running.finish()
        assert list(running.finished) == list(range(1, 301))
