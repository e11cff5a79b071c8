"""Flood control under any traffic: no limit is exceeded, no slot is wasted, and the order is fair."""

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

from telegram_client.flood import FloodControl
from telegram_client.limits import CHAT_BURST, LONGEST_GUESS, SAME_TIME, ChatId
from tests.departures import Departures
from tests.examples import examples

EPS = 1e-6
USER = 7


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


@settings(max_examples=examples(80), deadline=None)
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


@settings(max_examples=examples(80), deadline=None)
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


@settings(max_examples=examples(80), deadline=None)
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
