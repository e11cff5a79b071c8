"""How a new update becomes known: by a hint in this process, by a notification from another, both bounded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import trio
import trio.testing

from svc.delivery.follower import NOTIFIED_IDS, follow
from svc.queue.hints import Hints
from svc.queue.new_work import NewWork
from svc.storage.inbox import Received
from tests.harness import captured_logs, running_bot
from tests.memory.inbox import MemoryInbox, Row


def update(update_id: int, size: int = 2) -> Received:
    """An update of which only the id and the size matter."""
    return Received(update_id, update_id, "message", b"x" * size, 0.0)


async def test_hints_are_bounded_by_number_and_by_bytes() -> None:
    """What does not fit is refused, and that some were is known; what was received makes room."""
    hints = Hints(hints=3, size=100)
    hints.send_nowait(update(1, 60))
    with pytest.raises(trio.WouldBlock):
        hints.send_nowait(update(2, 41))
    assert hints.take_lost()
    assert not hints.take_lost()
    hints.send_nowait(update(3, 40))
    assert [(await hints.receive()).update_id for _ in range(2)] == [1, 3]
    for number in range(4, 7):
        hints.send_nowait(update(number))
    with pytest.raises(trio.WouldBlock):
        hints.send_nowait(update(7))
    assert hints.take_lost()


async def test_ids_are_bounded_and_the_latest_are_kept() -> None:
    """They come out in the order in which they were told, each once."""
    news = NewWork(ids=4)
    news.tell([1, 2, 3])
    news.tell([3, 4, 5])
    assert news.known.is_set()
    assert not news.unknown.is_set()
    assert news.take_ids(3) == [2, 3, 4]
    assert news.take_ids(3) == [5]
    news.tell()
    assert news.unknown.is_set()


class Leader(MemoryInbox):
    """What the leader is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[list[int]] = []
        self.on_notify = lambda ids: self.told.append(list(ids))

    async def notify_leader(self, update_ids: Sequence[int] = ()) -> None:
        await trio.sleep(0.05)
        await super().notify_leader(update_ids)


async def test_a_follower_tells_the_leader_which_updates_it_has_stored(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """By their ids; of more than a notification holds without; and after an outage it is told all the same."""
    leader = Leader()
    hints = Hints(hints=1000)
    with captured_logs():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow, hints, leader, 30.0, random.Random(0))
            await trio.testing.wait_all_tasks_blocked()
            for number in (1, 2):
                hints.send_nowait(update(number))
            await trio.sleep(1)
            assert [each for ids in leader.told for each in ids] == [1, 2]

            leader.told.clear()
            for number in range(1000, 1000 + 2 * NOTIFIED_IDS):
                hints.send_nowait(update(number))
            await trio.sleep(1)
            assert [] in leader.told
            assert max(map(len, leader.told)) <= NOTIFIED_IDS

            leader.told.clear()
            leader.go_away()
            hints.send_nowait(update(3))
            await trio.sleep(10)
            assert leader.told == []
            leader.come_back()
            await trio.sleep(2)
            assert leader.told == [[3]]
            nursery.cancel_scope.cancel()


async def test_hints_that_were_lost_are_found_by_looking_at_the_newest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The channel was full for a moment: the leader looks at the newest and does not wait for the sweep."""
    inbox = MemoryInbox()
    looked: list[float] = []
    newest = inbox.newest

    async def watched(limit: int, *, without: object = ()) -> list[Received]:
        looked.append(trio.current_time())
        return await newest(limit)

    inbox.newest = watched  # type: ignore[method-assign]
    async with running_bot(inbox=inbox) as bot:
        await trio.sleep(5)
        assert looked == []
        with pytest.raises(trio.WouldBlock):
            bot.service._hints.send_nowait(update(1, 33 * 2**20))
        bot.service._hints.send_nowait(replace(update(2), is_first=True))
        await trio.sleep(0.5)
        assert len(looked) == 1


async def test_one_that_is_not_the_first_of_its_chat_does_not_go_in_before_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Its hint comes while an older one of the chat is not in the queue: no worker takes it for nothing."""
    async with running_bot(send_rate_chat=1.0) as bot:
        bot.sandbox.faults.order("flood", method="sendMessage", retry_after=30, chat_id=7)
        first = await bot.send(7)
        await trio.sleep(1)
        second = await bot.send(7)
        await bot.settled()
        assert bot.logs.names(second).count("BUSY") == 0
        assert bot.logs.names(first).count("DONE") == bot.logs.names(second).count("DONE") == 1


async def test_what_notifications_tell_reaches_the_queue(autojump_clock: trio.testing.MockClock) -> None:
    """An id that another instance tells of is fetched at once, not found by the next sweep."""
    inbox = MemoryInbox()
    async with running_bot(inbox=inbox) as bot:
        await trio.sleep(10.2)
        payload = b'{"update_id": 1, "unknown": {}}'
        inbox.rows[1] = Row(Received(1, 7, "unknown", payload, 0.0))
        told = trio.current_time()
        bot.lock.notify_new_work([1])
        await bot.settled()
        assert trio.current_time() - told < 0.1
