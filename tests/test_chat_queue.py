"""The local queue: a chat in order, chats side by side, bounded, and never the only place where an update is."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from svc.delivery.chat_queue import ChatQueue
from svc.storage.inbox import Received
from tests.examples import examples


def update(update_id: int, chat_id: int = 1, *, has_followers: bool = False) -> Received:
    """An update of which only the ids matter."""
    return Received(update_id, chat_id, "message", b"{}", 0.0, has_followers)


async def test_a_chat_is_in_order_and_one_at_a_time() -> None:
    """The second update of a chat comes out when the first is done, not before."""
    queue = ChatQueue()
    first, second = update(1), update(2)
    assert queue.add(first)
    assert queue.add(second)
    assert await queue.take() is first
    with trio.move_on_after(0) as scope:
        await queue.take()
    assert scope.cancelled_caught
    queue.done(first)
    assert await queue.take() is second


async def test_chats_are_side_by_side() -> None:
    """Updates of different chats come out without waiting for each other."""
    queue = ChatQueue()
    for number in range(5):
        queue.add(update(number, chat_id=number))
    assert [(await queue.take()).update_id for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_an_update_is_taken_in_once() -> None:
    """A hint and the backfill of the same update are one; done, it may come again."""
    queue = ChatQueue()
    assert queue.add(update(1))
    assert not queue.add(update(1))
    queue.done(await queue.take())
    assert len(queue) == 0
    assert queue.add(update(1))


async def test_followers_are_bounded_and_the_rest_is_read_back() -> None:
    """A chat with more updates than fit: once it is free, those that stayed in the inbox are read back."""
    queue = ChatQueue(followers=2)
    assert [queue.add(update(number)) for number in range(5)] == [True, True, True, False, False]
    for number in range(3):
        assert not queue.wants_backfill.is_set()
        taken = await queue.take()
        assert taken.update_id == number
        queue.done(taken)
    assert queue.wants_backfill.is_set()


async def test_chats_are_bounded_and_the_rest_is_read_back() -> None:
    """More chats than fit: the others are read back when three quarters have left."""
    queue = ChatQueue(chats=8)
    assert [queue.add(update(number, chat_id=number)) for number in range(10)] == [True] * 8 + [False] * 2
    assert queue.room == 0
    for _ in range(6):
        queue.done(await queue.take())
    assert not queue.wants_backfill.is_set()
    queue.done(await queue.take())
    assert queue.wants_backfill.is_set()


async def test_a_full_backfill_is_repeated_when_there_is_room() -> None:
    """The inbox had more than was asked for: at once if the queue is low, else when it has become low."""
    queue = ChatQueue(chats=8)
    queue.expect_more()
    assert queue.wants_backfill.is_set()


async def test_set_aside_takes_the_followers_along(autojump_clock: trio.testing.MockClock) -> None:
    """What waits behind a retry leaves too, so that nothing overtakes; when it is due is remembered."""
    queue = ChatQueue()
    first, second = update(1), update(2)
    queue.add(first)
    queue.add(second)
    queue.set_aside(await queue.take(), 30.0)
    assert len(queue) == 0
    assert queue.next_due() == trio.current_time() + 30
    await trio.sleep(31)
    assert queue.next_due() == math.inf


async def test_younger_updates_in_the_inbox_are_read_back_when_the_chat_is_free() -> None:
    """`has_followers` says that the chat has others in the inbox."""
    queue = ChatQueue()
    queue.add(update(1, has_followers=True))
    queue.done(await queue.take())
    assert queue.wants_backfill.is_set()


async def test_a_closed_queue_gives_nothing_out() -> None:
    """Nothing goes in or comes out any more, and whoever asks is told; what is out can still be finished."""
    queue = ChatQueue()
    queue.add(update(1))
    queue.add(update(2))
    taken = await queue.take()
    queue.add(update(3, chat_id=2))
    queue.close()
    assert not queue.add(update(4, chat_id=4))
    with pytest.raises(trio.EndOfChannel):
        await queue.take()
    queue.done(taken)
    with pytest.raises(trio.EndOfChannel):
        await queue.take()


async def test_a_chat_held_by_flood_control_takes_no_other_chats_place(autojump_clock: trio.testing.MockClock) -> None:
    """With every place's update held by flood control there is room for as many others, which are read back."""
    queue = ChatQueue(chats=8)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.release_held)
        for number in range(9):
            queue.add(update(number, chat_id=number))
        for _ in range(8):
            queue.hold(await queue.take(), 60.0)
        assert queue.room == 8
        assert queue.wants_backfill.is_set()
        assert all(queue.add(update(number, chat_id=number)) for number in range(100, 108))
        assert [(await queue.take()).update_id for _ in range(8)] == list(range(100, 108))
        await trio.sleep(61)
        assert queue.room == 0
        assert sorted([(await queue.take()).update_id for _ in range(8)]) == list(range(8))
        nursery.cancel_scope.cancel()


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["add", "take", "done", "aside"]), st.integers(0, 3)), max_size=60),
)
def test_order_per_chat_over_any_interleaving(steps: list[tuple[str, int]]) -> None:
    """Never two of a chat out at once, never out of order, never more than the bounds."""

    async def run() -> None:
        queue = ChatQueue(chats=3, followers=2)
        next_id = 0
        out: dict[int, Received] = {}
        last: dict[int, int] = {}
        for step, chat in steps:
            if step == "add":
                queue.add(update(next_id, chat))
                next_id += 1
            elif step == "take":
                with trio.move_on_after(0):
                    taken = await queue.take()
                    assert taken.chat_id not in out
                    assert last.get(taken.chat_id, -1) < taken.update_id
                    last[taken.chat_id] = taken.update_id
                    out[taken.chat_id] = taken
            elif chat in out:
                (queue.done if step == "done" else queue.set_aside)(out.pop(chat))
            assert len(queue) <= 3 * (1 + 2)

    trio.run(run)
