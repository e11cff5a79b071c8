"""Flood control: no limit is exceeded, no slot is wasted, and who is free to leave first leaves first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from telegram_client.flood import FloodControl, Turn
from telegram_client.limits import CHAT_BURST, LONGEST_GUESS, SAME_TIME, ChatId

EPS = 1e-6
USER = 7


@dataclass
class Departures:
    """Calls that wait for their turn; in `left`, when each has left: (time, chat, number of the call)."""

    control: FloodControl

    def __post_init__(self) -> None:
        self.left: list[tuple[float, ChatId, int]] = []

    async def call(self, chat_id: ChatId, number: int) -> None:
        assert await self.control.acquire(chat_id) == Turn(chat_id)
        self.left.append((trio.current_time(), chat_id, number))

    def times(self, chat_id: ChatId) -> list[float]:
        return [time for time, chat, _ in self.left if chat == chat_id]


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


class Pause(NamedTuple):
    """A 429, for a chat or for all."""

    at: float
    chat: int | None
    seconds: float


class Arrival(NamedTuple):
    """A call that comes to wait for its turn."""

    at: float
    chat: int


class Departure(NamedTuple):
    """A call that has left, and the first moment at which its chat was free for it: its own limits and pauses over."""

    at: float
    chat: int
    number: int
    free: float
    held_meanwhile: bool
    """Whether its chat was paused between that moment and its leaving."""


@dataclass(frozen=True)
class Traffic:
    """Calls, and the 429s that come in between; no two things happen at one time."""

    calls: list[Arrival]
    pauses: list[Pause]


CHATS = [1, 2, 3, 4, -1, -2]


@st.composite
def scattered(draw: st.DrawFn) -> Traffic:
    """Few chats, calls at any times, and many 429s."""
    millis = draw(st.lists(st.integers(0, 20_000), min_size=1, max_size=60, unique=True))
    chats = draw(st.lists(st.sampled_from(CHATS), min_size=len(millis), max_size=len(millis)))
    one = st.tuples(st.integers(0, 30_000), st.sampled_from([*CHATS, None]), st.integers(1, 15))
    floods = draw(st.lists(one, max_size=6, unique_by=lambda each: each[0]))
    calls = [Arrival(milli / 1000, chat) for milli, chat in zip(sorted(millis), chats, strict=True)]
    return Traffic(calls, [Pause(milli / 1000 + 0.0005, chat, seconds) for milli, chat, seconds in sorted(floods)])


@st.composite
def rush(draw: st.DrawFn) -> Traffic:
    """Many chats, some with a little to say and some with much, nearly at once."""
    chats = draw(st.lists(st.sampled_from([*range(1, 31), -1, -2, -3]), min_size=1, max_size=33, unique=True))
    calls = [chat for chat in chats for _ in range(draw(st.integers(1, 3) | st.integers(1, 25)))]
    order = draw(st.permutations(calls))
    return Traffic([Arrival(index * 1e-4, chat) for index, chat in enumerate(order)], [])


def happen(traffic: Traffic, control: FloodControl) -> list[Departure]:
    """Let it happen under a mock clock."""
    seen = Departures(control)

    async def main() -> None:
        things: list[tuple[float, int | Pause]] = [(call.at, number) for number, call in enumerate(traffic.calls)]
        things += [(pause.at, pause) for pause in traffic.pauses]
        with trio.fail_after(100_000):
            async with trio.open_nursery() as nursery:
                for time, what in sorted(things, key=lambda thing: thing[0]):
                    await trio.sleep_until(time)
                    if isinstance(what, Pause):
                        control.pause(what.seconds, what.chat)
                    else:
                        nursery.start_soon(seen.call, traffic.calls[what].chat, what)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return list(explained(seen.left, traffic))


def explained(left: Sequence[tuple[float, ChatId, int]], traffic: Traffic) -> Iterator[Departure]:
    """The departures with the moments at which their chats were free, from the recorded history alone."""
    held = spans(traffic.pauses)
    of_chat: dict[int, list[float]] = defaultdict(list)
    for time, _, number in left:
        arrival, chat = traffic.calls[number]
        mine = of_chat[chat]
        own = [(start, end) for start, end, whose in held if whose == chat]
        free = after_pauses(max(arrival, *mine[-1:], chat_limit(mine, chat)), time, own)
        yield Departure(time, chat, number, free, any(free < end and start < time for start, end in own))
        mine.append(time)


def spans(pauses: list[Pause]) -> list[tuple[float, float, int | None]]:
    """When which chat, or all (None), may not send: what `pause` promises, in the plainest form."""
    found: list[tuple[float, float, int | None]] = []
    last: Pause | None = None
    for pause in pauses:
        found.append((pause.at, pause.at + pause.seconds, pause.chat))
        if pause.chat is None:
            continue
        if last is not None and last.chat != pause.chat and pause.at - last.at <= SAME_TIME:
            found.append((pause.at, pause.at + min(pause.seconds, last.seconds, LONGEST_GUESS), None))
        last = pause
    return found


def after_pauses(time: float, left: float, held: list[tuple[float, float]]) -> float:
    """The first moment from `time` on outside of the spans that had begun when the call left."""
    for start, end in sorted(held):
        if start <= time + EPS and start < left - EPS:
            time = max(time, end)
    return time


def chat_limit(earlier: list[float], chat: int) -> float:
    """The first moment at which a chat that sent at the times `earlier` may send again; from all of its history."""
    found = -1.0
    for index in range(len(earlier)):
        # Together with those from `index` on it would be so many, of which a burst and one a second may be.
        together = len(earlier) - index + 1
        found = max(found, earlier[index] + together - CHAT_BURST)
    if chat < 0 and len(earlier) >= 20:
        found = max(found, earlier[-20] + 60)
    return found


def assert_within(times: list[float], count: int, period: float) -> None:
    """In no window of that length are there more than so many."""
    for first, beyond in zip(times, times[count:], strict=False):
        assert beyond - first >= period - EPS


RATES = st.sampled_from([1, 2, 5, 30])


@settings(max_examples=80, deadline=None)
@given(scattered() | rush(), RATES)
def test_no_limit_is_exceeded_in_any_window(traffic: Traffic, per_second: int) -> None:
    """Not that of all chats, a chat's or a group's, and nothing leaves in a pause; yet everything leaves in the end."""
    left = happen(traffic, FloodControl(per_second=per_second))
    assert sorted(call.number for call in left) == list(range(len(traffic.calls)))
    assert_within([call.at for call in left], per_second, 1.0)
    for chat in {call.chat for call in left}:
        times = [call.at for call in left if call.chat == chat]
        for burst in range(CHAT_BURST, len(times)):
            assert_within(times, burst, burst - CHAT_BURST + 1)
        if chat < 0:
            assert_within(times, 20, 60.0)
    for start, end, paused in spans(traffic.pauses):
        assert not any(start + EPS < call.at < end - EPS for call in left if paused in (None, call.chat))


@settings(max_examples=80, deadline=None)
@given(scattered() | rush(), RATES)
def test_no_slot_is_left_unused(traffic: Traffic, per_second: int) -> None:
    """Given who left before it, a call leaves at the very moment at which its chat and the shared limit allow it."""
    left = happen(traffic, FloodControl(per_second=per_second))
    for_all = [(start, end) for start, end, chat in spans(traffic.pauses) if chat is None]
    for index, call in enumerate(left):
        slot = left[index - per_second].at + 1.0 if index >= per_second else -1.0
        of_its_chat = [(start, end) for start, end, chat in spans(traffic.pauses) if chat == call.chat]
        earliest = after_pauses(max(call.free, slot), call.at, for_all + of_its_chat)
        assert call.at == pytest.approx(earliest, abs=EPS)


@settings(max_examples=80, deadline=None)
@given(scattered() | rush(), RATES)
def test_the_order_is_that_in_which_the_chats_are_free(traffic: Traffic, per_second: int) -> None:
    """First come, first served among calls whose chats are free, and always within a chat."""
    left = happen(traffic, FloodControl(per_second=per_second))
    for chat in {call.chat for call in left}:
        numbers = [call.number for call in left if call.chat == chat]
        assert numbers == sorted(numbers)
    for earlier, later in combinations(left, 2):
        if not earlier.held_meanwhile and not later.held_meanwhile:
            assert earlier.free <= later.free + EPS


def test_the_full_rate_is_reached() -> None:
    """Three hundred chats at once: thirty in every second, for ten seconds."""
    left = happen(Traffic([Arrival(index * 1e-7, index + 1) for index in range(300)], []), FloodControl())
    seconds = [int(call.at + EPS * 10) for call in left]
    assert [seconds.count(second) for second in range(10)] == [30] * 10
    assert all(earlier.at <= later.at for earlier, later in pairwise(left))
