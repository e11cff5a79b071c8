"""The local queue: a chat in order, chats side by side, bounded, and never the only place where an update is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from svc.queue.chat_queue import ChatQueue
from svc.storage.inbox import NO_CHAT, Received
from tests.examples import examples


def update(update_id: int, chat_id: int = 1, *, has_followers: bool = False) -> Received:
    """An update of which only the ids matter."""
    return Received(update_id, chat_id, "message", b"{}", 0.0, has_followers)


def large(update_id: int, chat_id: int, size: int) -> Received:
    """An update with a payload of so many bytes."""
    return replace(update(update_id, chat_id), payload=b"x" * size)


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
    for number in range(1, 6):
        queue.add(update(number, chat_id=number))
    assert [(await queue.take()).update_id for _ in range(5)] == [1, 2, 3, 4, 5]


async def test_an_update_is_taken_in_once(autojump_clock: trio.testing.MockClock) -> None:
    """A hint and the backfill of the same update are one; done, it may come again, but not from an old answer."""
    queue = ChatQueue()
    assert queue.add(update(1))
    assert not queue.add(update(1))
    queue.done(await queue.take())
    assert len(queue) == queue.bytes == 0
    assert not queue.add(update(1))
    await trio.sleep(2)
    assert queue.add(update(1))


async def test_followers_are_bounded_and_the_rest_is_read_back() -> None:
    """A chat with more updates than fit: it is asked for when few are left, and goes on with what the answer brings."""
    queue = ChatQueue(followers=6)
    assert [queue.add(update(number)) for number in range(8)] == [True] * 7 + [False]
    for _ in range(2):
        assert not queue.followers.wanted.is_set()
        queue.done(await queue.take())
    assert queue.followers.wanted.is_set()
    assert queue.followers.take_chats(10) == [1]
    assert not queue.add(update(9)), "7 and 8 may be missing between"
    queue.add_followers(1, [update(number, has_followers=number == 8) for number in range(2, 9)])
    for number in range(2, 8):
        taken = await queue.take()
        assert taken.update_id == number
        queue.done(taken)
    assert queue.followers.take_chats(10) == [1]
    queue.add_followers(1, [update(8), update(9)])
    assert [await _take_and_finish(queue) for _ in range(2)] == [8, 9]
    assert len(queue) == 0
    assert not queue.has_chat(1)


async def _take_and_finish(queue: ChatQueue) -> int:
    taken = await queue.take()
    queue.done(taken)
    return taken.update_id


async def test_a_chat_that_runs_dry_keeps_its_place_while_more_is_read() -> None:
    """Its next come out as soon as they are read, and if there are none, or they must wait, the place is free."""
    queue = ChatQueue(chats=1)
    queue.add(update(1, has_followers=True))
    first = await queue.take()
    assert queue.followers.take_chats(10) == [1]
    queue.add_followers(1, [])
    assert queue.followers.take_chats(10) == [], "an answer while its update is out says nothing: not asked in a loop"
    queue.done(first)
    assert queue.places.room == 0
    assert not queue.add(update(50, chat_id=2))
    assert queue.followers.take_chats(10) == [1]
    queue.add_followers(1, [update(2)])
    assert await _take_and_finish(queue) == 2
    assert queue.places.room == 1


async def test_an_answer_that_is_older_than_the_queue_adds_nothing_twice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The inbox was read before the first was settled, and answers after that: only the second comes out."""
    queue = ChatQueue()
    queue.add(update(1, has_followers=True))
    first = await queue.take()
    assert queue.followers.take_chats(10) == [1]
    queue.done(first)
    queue.add_followers(1, [update(1), update(2)])
    assert (await queue.take()).update_id == 2
    assert not queue.add(update(1))


async def test_a_chat_whose_question_failed_is_asked_for_again() -> None:
    """No answer is no answer: the chat keeps its place, and is asked for once more."""
    queue = ChatQueue()
    queue.add(update(1, has_followers=True))
    queue.done(await queue.take())
    chats = queue.followers.take_chats(10)
    queue.followers.failed(chats)
    assert queue.followers.take_chats(10) == chats == [1]


async def test_chats_are_bounded_and_the_rest_is_read_back() -> None:
    """More chats than fit: the others are read back when three quarters have left."""
    queue = ChatQueue(chats=8)
    assert [queue.add(update(number, chat_id=number)) for number in range(1, 11)] == [True] * 8 + [False] * 2
    assert queue.places.room == 0
    for _ in range(6):
        queue.done(await queue.take())
    assert not queue.places.wants_backfill.is_set()
    queue.done(await queue.take())
    assert queue.places.wants_backfill.is_set()


async def test_a_full_backfill_is_repeated_when_there_is_room() -> None:
    """The inbox had more than was asked for: at once if the queue is low, else when it has become low."""
    queue = ChatQueue(chats=8)
    queue.places.expect_more()
    assert queue.places.wants_backfill.is_set()


async def test_set_aside_takes_the_followers_along(autojump_clock: trio.testing.MockClock) -> None:
    """What waits behind a retry leaves too, so that nothing overtakes; when it is due is remembered."""
    queue = ChatQueue()
    first, second = update(1), update(2)
    queue.add(first)
    queue.add(second)
    queue.set_aside(await queue.take(), 30.0)
    assert len(queue) == 0
    assert queue.due.next == trio.current_time() + 30
    assert queue.take_due(10) == []
    await trio.sleep(30)
    assert queue.take_due(10) == [1]
    assert queue.due.next == math.inf


async def test_what_was_not_begun_is_looked_at_again_with_its_followers(autojump_clock: trio.testing.MockClock) -> None:
    """Something older of the chat came in after it: that is one of its followers, so all are looked at in a second."""
    queue = ChatQueue()
    queue.add(update(6))
    queue.add(update(5))
    queue.set_aside(await queue.take())
    await trio.sleep(1)
    assert sorted(queue.take_due(10)) == [5, 6]


async def test_updates_without_a_chat_are_side_by_side() -> None:
    """They share no order: one that hangs, or is set aside, keeps no other waiting, and none has followers."""
    queue = ChatQueue()
    for number in range(5):
        assert queue.add(update(number, chat_id=NO_CHAT, has_followers=True))
    taken = [await queue.take() for _ in range(5)]
    assert [each.update_id for each in taken] == [0, 1, 2, 3, 4]
    queue.set_aside(taken[0], 60.0)
    queue.done(taken[1])
    assert len(queue) == 3
    assert not queue.followers.wanted.is_set()


async def test_bytes_are_bounded() -> None:
    """Followers may fill half of them and chats three quarters; then there is no room, though there are places."""
    queue = ChatQueue(size=100)
    assert queue.add(large(1, chat_id=1, size=20))
    assert queue.add(large(2, chat_id=1, size=30))
    assert not queue.add(large(3, chat_id=1, size=1)), "a follower beyond half"
    assert queue.add(large(4, chat_id=2, size=25))
    assert queue.places.room == 0
    assert not queue.add(large(5, chat_id=3, size=1)), "a chat beyond three quarters"
    assert queue.add(replace(large(6, chat_id=4, size=25), is_first=True)), "the rest is for newcomers"
    assert not queue.add(replace(large(7, chat_id=5, size=101), is_first=True))
    assert queue.bytes <= 100
    queue.done(await queue.take())
    assert queue.places.wants_backfill.is_set() is False
    queue.done(await queue.take())
    assert queue.places.wants_backfill.is_set()


async def test_the_bytes_of_a_newcomer_are_those_of_earlier_ones() -> None:
    """Where newcomers are many and large, the latest are here and the others come with the backlog."""
    queue = ChatQueue(size=100)
    for number in range(1, 11):
        assert queue.add(replace(large(number, chat_id=number, size=30), is_first=True))
        assert queue.bytes <= 100
    assert sorted(queue.heads()) == [8, 9, 10]
    assert queue.places.left_out == 7


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
        for number in range(1, 10):
            queue.add(update(number, chat_id=number))
        for _ in range(8):
            queue.hold(await queue.take(), 60.0)
        assert queue.places.room == 8
        assert queue.places.wants_backfill.is_set()
        assert all(queue.add(update(number, chat_id=number)) for number in range(100, 108))
        assert [(await queue.take()).update_id for _ in range(8)] == list(range(100, 108))
        await trio.sleep(61)
        assert queue.places.room == 0
        assert sorted([(await queue.take()).update_id for _ in range(8)]) == list(range(1, 9))
        nursery.cancel_scope.cancel()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["store", "hint", "take", "done", "aside"]), st.integers(0, 4)),
        st.tuples(st.sampled_from(["sweep", "ask", "due"]), st.integers(0, 4)),
        st.tuples(st.just("pass"), st.integers(1, 6)),
    ),
    max_size=80,
)


class Worked:
    """A queue and what there is in the inbox: updates with a step of each kind, and what must always hold."""

    def __init__(self) -> None:
        self.queue = ChatQueue(chats=3, followers=2, newcomers=2, size=1000)
        self.inbox: dict[int, Received] = {}
        self.out: dict[int, Received] = {}
        self.finished: list[Received] = []
        self.next_id = 0

    def oldest(self, chat_id: int) -> list[Received]:
        return sorted(
            (each for each in self.inbox.values() if each.chat_id == chat_id), key=lambda each: each.update_id
        )

    def read(self, found: Received) -> Received:
        return replace(found, has_followers=found.chat_id != NO_CHAT and len(self.oldest(found.chat_id)) > 1)

    def may_go(self) -> list[Received]:
        return [
            self.read(each)
            for each in sorted(self.inbox.values(), key=lambda each: each.update_id)
            if each.chat_id == NO_CHAT or self.oldest(each.chat_id)[0] is each
        ]

    def store(self, chat_id: int) -> Received:
        self.next_id += 1
        found = large(self.next_id, chat_id, size=40)
        first = chat_id == NO_CHAT or not self.oldest(chat_id)
        self.inbox[found.update_id] = found
        return replace(found, is_first=first)

    async def step(self, name: str, number: int) -> None:
        queue = self.queue
        if name == "store":
            self.store(number)
        elif name == "hint":
            hint = self.store(number)
            if hint.is_first or queue.has_chat(hint.chat_id):
                queue.add(hint)
        elif name == "take":
            with trio.move_on_after(0.001):
                taken = await queue.take()
                assert taken.chat_id == NO_CHAT or taken.chat_id not in {each.chat_id for each in self.out.values()}
                assert taken.update_id in self.inbox
                self.out[taken.update_id] = taken
        elif name in ("done", "aside") and self.out:
            update_id = sorted(self.out)[number % len(self.out)]
            self.finish(self.out.pop(update_id), name)
        elif name == "sweep":
            for found in self.may_go():
                queue.add(found)
        elif name == "ask":
            for chat_id in queue.followers.take_chats(number + 1):
                oldest = self.oldest(chat_id)
                rows = [replace(each, has_followers=each is not oldest[-1]) for each in oldest[:3]]
                queue.add_followers(chat_id, rows)
        elif name == "due":
            ids = queue.take_due(number + 1)
            for found in self.may_go():
                if found.update_id in ids:
                    queue.add(found)
        elif name == "pass":
            await trio.sleep(number)

    def finish(self, update: Received, how: str) -> None:
        if how == "done" and (
            update.chat_id == NO_CHAT or self.oldest(update.chat_id)[0].update_id == update.update_id
        ):
            del self.inbox[update.update_id]
            self.finished.append(update)
            self.queue.done(update)
        else:
            # As `begin` says where something older of the chat is unfinished.
            self.queue.set_aside(update)

    def check(self) -> None:
        assert len(self.queue) <= (3 + 2 + 3) * (1 + 2), "chats, newcomers and those out, each with its followers"
        assert 0 <= self.queue.bytes <= 1000
        assert self.queue.bytes == len(self.queue) * 40
        for chat_id in range(1, 5):
            ids = [each.update_id for each in self.finished if each.chat_id == chat_id]
            assert ids == sorted(ids)

    async def drain(self) -> None:
        """Whatever has happened: sweeping, asking and working finishes everything."""
        for _ in range(200):
            if not self.inbox:
                break
            for name in ("sweep", "take", "done", "ask", "pass"):
                await self.step(name, 2)
                self.check()


@settings(max_examples=examples(200), deadline=None)
@given(STEPS)
def test_order_and_bounds_over_any_interleaving(steps: list[tuple[str, int]]) -> None:
    """Never two of a chat out at once, never out of order, never more than the bounds, and nothing is lost."""

    async def run() -> None:
        worked = Worked()
        for name, number in steps:
            await worked.step(name, number)
            worked.check()
        await worked.drain()
        assert not worked.inbox

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
