"""Flood control: no limit is exceeded, no slot is wasted, and who is free to leave first leaves first."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from telegram_client.flood import FloodControl, Turn
from telegram_client.limits import ChatId
from tests.departures import Departures

EPS = 1e-6
USER = 7


async def test_a_call_that_may_leave_does_not_wait(autojump_clock: trio.testing.MockClock) -> None:
    """No time passes; it is a checkpoint all the same."""
    control = FloodControl()
    with trio.testing.assert_checkpoints():
        assert await control.acquire(USER) == Turn(USER)
    assert trio.current_time() == 0


async def test_what_holds_a_chat_and_what_holds_all(autojump_clock: trio.testing.MockClock) -> None:
    """`held` is about the chat's own limits and pauses, `delay` about those of all chats too."""
    control = FloodControl(per_second=1)
    await control.acquire(8)
    control.pause(5, USER)
    assert (control.held(USER), control.delay(USER)) == (5, 5)
    assert (control.held(9), control.delay(9)) == (0, 1)
    await trio.sleep(2)
    assert (control.held(USER), control.delay(9)) == (3, 0)


async def test_a_held_chat_delays_no_other(autojump_clock: trio.testing.MockClock) -> None:
    """With a hundred calls to a paused chat waiting, other chats' calls take every slot there is."""
    seen = Departures(FloodControl(per_second=1))
    seen.control.pause(1000, USER)
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(seen.call, USER, number)
        await trio.testing.wait_all_tasks_blocked()
        for chat in range(1, 6):
            await seen.call(chat, 0)
        assert [time for time, _, _ in seen.left] == [0, 1, 2, 3, 4]
    assert seen.times(USER)[0] == 1000
    assert len(seen.times(USER)) == 100


async def test_a_newcomer_waits_for_one_call_of_each_chat_at_most(autojump_clock: trio.testing.MockClock) -> None:
    """Forty chats with fifty calls each use up what there is; a new chat's call is let in after one of each."""
    seen = Departures(FloodControl(per_second=30, per_chat_second=0))
    async with trio.open_nursery() as nursery:
        for chat in range(1, 41):
            for number in range(50):
                nursery.start_soon(seen.call, chat, number)
        await trio.sleep(20.5)
        before = len(seen.left)
        await seen.call(99, 0)
        assert len(seen.left) - before <= 41
        assert len(seen.left) < 1000
        nursery.cancel_scope.cancel()


async def test_chats_take_turns(autojump_clock: trio.testing.MockClock) -> None:
    """Whose calls all come at once get one after the other, however many each chat has."""
    seen = Departures(FloodControl(per_second=1, per_chat_second=0))
    async with trio.open_nursery() as nursery:
        for chat, calls in ((1, 4), (2, 1), (3, 2)):
            for number in range(calls):
                nursery.start_soon(seen.call, chat, number)
                await trio.testing.wait_all_tasks_blocked()
    assert [chat for _, chat, _ in seen.left] == [1, 1, 2, 3, 1, 3, 1]
    assert [time for time, _, _ in seen.left] == [0, 1, 2, 3, 4, 5, 6]


async def test_an_earlier_call_gives_no_precedence(autojump_clock: trio.testing.MockClock) -> None:
    """Three chats with a call each are served as they come, also if one of them has been served before."""
    seen = Departures(FloodControl(per_second=1))
    for number in range(2):
        await seen.call(1, number)
    async with trio.open_nursery() as nursery:
        for chat in (2, 3, 1):
            nursery.start_soon(seen.call, chat, 9)
            await trio.testing.wait_all_tasks_blocked()
    assert [chat for _, chat, _ in seen.left] == [1, 1, 2, 3, 1]


async def test_a_chat_that_is_paused_in_the_shared_queue_lets_the_others_by(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It was the next of all, then got a 429: the next in the queue leaves instead, at the same moment."""
    seen = Departures(FloodControl(per_second=0.1))
    await seen.call(1, 0)
    async with trio.open_nursery() as nursery:
        for chat in (2, 3):
            nursery.start_soon(seen.call, chat, 0)
            await trio.sleep(1)
        seen.control.pause(100, 2)
    assert seen.left == [(0, 1, 0), (10, 3, 0), (102, 2, 0)]


@pytest.mark.parametrize(("per_second", "first"), [(1, 1), (0, 3)])
async def test_nobody_jumps_the_queue(mock_clock: trio.testing.MockClock, per_second: float, first: int) -> None:
    """A call that comes at the very moment at which the next may leave is behind those that wait, in either queue."""
    seen = Departures(FloodControl(per_second=per_second))
    for number in range(first):
        await seen.call(1, number)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(seen.call, 1, 10)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1)
        mock_clock.autojump_threshold = 0
        # In this task, before the one that waits has run again.
        await seen.call(2 if per_second else 1, 11)
    assert [(time, number) for time, _, number in seen.left[first:]] == [(1, 10), (2, 11)]


async def test_a_cancelled_wait_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Neither a slot nor a place in either queue stays taken, and nothing is remembered of it."""
    seen = Departures(FloodControl(per_second=1))
    await seen.call(1, 0)
    async with trio.open_nursery() as nursery:
        for chat in (1, 2, 2, 3, 3):
            nursery.start_soon(seen.call, chat, 0)
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    await seen.call(2, 1)
    assert seen.left == [(0, 1, 0), (1, 2, 1)]
    assert "0 of them waiting" in repr(seen.control)


async def test_who_waits_behind_a_cancelled_call_moves_up(autojump_clock: trio.testing.MockClock) -> None:
    """The first of the shared queue gives up, then the first of a chat: the others leave as if those had never been."""
    seen = Departures(FloodControl(per_second=1))
    await seen.call(1, 0)
    first, second = trio.CancelScope(), trio.CancelScope()

    async def giving_up(chat: ChatId, scope: trio.CancelScope) -> None:
        with scope:
            await seen.call(chat, 9)

    async with trio.open_nursery() as nursery:
        for chat, scope in ((2, first), (3, second)):
            nursery.start_soon(giving_up, chat, scope)
            await trio.testing.wait_all_tasks_blocked()
        for chat in (3, 4):
            nursery.start_soon(seen.call, chat, 0)
            await trio.testing.wait_all_tasks_blocked()
        first.cancel()
        await trio.testing.wait_all_tasks_blocked()
        second.cancel()
    assert seen.left == [(0, 1, 0), (1, 4, 0), (2, 3, 0)]


@pytest.mark.parametrize("once_more", range(10))
async def test_calls_that_are_cancelled_together_leave_new_ones_alone(
    autojump_clock: trio.testing.MockClock, once_more: int
) -> None:
    """Each of five makes a new call as soon as it has noticed; those are one chat's calls as ever, and take turns.

    Ten times, since Trio lets now the first of them and now the last notice first.
    """
    seen = Departures(FloodControl(per_second=1, per_chat_second=0))
    await seen.call(1, 0)

    async def again(scope: trio.CancelScope) -> None:
        with scope:
            await seen.call(USER, 0)
        await seen.call(USER, 1)

    scopes = [trio.CancelScope() for _ in range(5)]
    async with trio.open_nursery() as nursery:
        for scope in scopes:
            nursery.start_soon(again, scope)
            await trio.testing.wait_all_tasks_blocked()
        for scope in scopes:
            scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(seen.call, 2, 0)
    assert seen.times(USER) == [1, 3, 4, 5, 6]
    assert seen.times(2) == [2]
    assert seen.control._chat_queues == {}


async def test_a_wait_already_cancelled_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """A call that is not going to be made uses up no slot."""
    control = FloodControl(per_second=1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await control.acquire(USER)
    assert scope.cancelled_caught
    assert control.delay(USER) == 0


async def test_a_turn_that_is_taken_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancellation that comes once the call is counted as leaving waits until the call has the turn."""
    control = FloodControl()
    reserve = control.limits.reserve
    with trio.CancelScope() as scope:

        def and_cancel(chat_id: ChatId, now: float) -> float:
            scope.cancel()
            return reserve(chat_id, now)

        monkeypatch.setattr(control.limits, "reserve", and_cancel)
        assert await control.acquire(USER) == Turn(USER)
    assert not scope.cancelled_caught


async def test_nobody_waiting_leaves_nothing_behind(autojump_clock: trio.testing.MockClock) -> None:
    """A chat's queue exists only while a call waits in it."""
    seen = Departures(FloodControl())
    async with trio.open_nursery() as nursery:
        for chat in range(1, 501):
            nursery.start_soon(seen.call, chat, 0)
    assert len(seen.left) == 500
    assert seen.control._chat_queues == {}


async def leave(control: FloodControl, chat_id: ChatId, left: list[float]) -> None:
    await control.acquire_probe(chat_id)
    left.append(trio.current_time())


async def test_probes_have_a_third_of_what_all_chats_share(autojump_clock: trio.testing.MockClock) -> None:
    """However many wait, in whichever chats, and with nothing else to do."""
    control = FloodControl(per_second=30)
    left: list[float] = []
    async with trio.open_nursery() as nursery:
        for number in range(35):
            nursery.start_soon(leave, control, number % 3, left)
    assert left == [0.0] * 10 + [1.0] * 10 + [2.0] * 10 + [3.0] * 5


async def test_calls_do_not_wait_for_probes_beyond_their_share(autojump_clock: trio.testing.MockClock) -> None:
    """A crowd of probes waits; twenty newcomers a second are answered without any wait, and a chat that is probed
    keeps its own limit for its messages."""
    seen = Departures(FloodControl(per_second=30))
    left: list[float] = []
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(leave, seen.control, USER, left)
        await trio.testing.wait_all_tasks_blocked()
        for second in range(3):
            came = trio.current_time()
            for newcomer in range(20):
                await seen.call(100 * second + 1000 + newcomer, 0)
            assert trio.current_time() == came
            await trio.sleep(1 + EPS)
        assert len(left) == 30 + 10
        assert await seen.control.acquire(USER)
        assert trio.current_time() < 3.1
        nursery.cancel_scope.cancel()


async def test_a_probe_counts_for_all_chats_and_not_for_its_own(autojump_clock: trio.testing.MockClock) -> None:
    """A refused edit is no message; but it is a call, and the thirty of a second are used up by twenty more."""
    control = FloodControl(per_second=30)
    for _ in range(10):
        await control.acquire_probe(USER)
    assert (control.held(USER), control.delay(USER)) == (0, 0)
    assert not control.has_room_for_probes()
    for chat in range(1, 21):
        await control.acquire(chat)
    assert trio.current_time() == 0
    assert control.delay(99) == 1


async def test_a_pause_holds_probes_as_any_call(autojump_clock: trio.testing.MockClock) -> None:
    """That of a chat holds its own probes and no other's; that of all holds all."""
    control = FloodControl(per_second=30)
    control.pause(5, USER)
    left: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave, control, USER, left)
        await trio.testing.wait_all_tasks_blocked()
        await leave(control, 8, left)
        assert control.paused(USER) == 5
        assert control.paused(8) == 0
        assert control.has_room_for_probes()
    assert left == [0, 5]
    control.pause(3)
    assert not control.has_room_for_probes()
    await leave(control, 9, left)
    assert left == [0, 5, 8]


async def test_a_chat_that_is_paused_while_its_probe_waits_lets_others_by(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It was the next of all probes; the one behind it leaves at that moment instead."""
    control = FloodControl(per_second=3)
    left: list[float] = []
    async with trio.open_nursery() as nursery:
        for chat in (1, 2, 3):
            nursery.start_soon(leave, control, chat, left)
            await trio.testing.wait_all_tasks_blocked()
        control.pause(10, 2)
    assert left == [0, 1, 10]


async def test_without_a_limit_probes_have_none(autojump_clock: trio.testing.MockClock) -> None:
    """SEND_RATE=0."""
    control = FloodControl(per_second=0)
    left: list[float] = []
    for _ in range(100):
        await leave(control, USER, left)
    assert left == [0.0] * 100


async def test_a_probe_that_is_cancelled_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Neither a slot nor a place."""
    control = FloodControl(per_second=3)
    await control.acquire_probe(USER)
    for _ in range(3):
        with trio.move_on_after(0.2):
            await control.acquire_probe(USER)
    await control.acquire_probe(USER)
    assert trio.current_time() == 1
