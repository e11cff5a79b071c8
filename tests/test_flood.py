"""Flood control: no limit is exceeded, no order is broken, nobody waits for nothing, and idle chats are forgotten."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from telegram_client.door import OLDESTS_TURN, ChatId
from telegram_client.flood import (
    CHAT_BURST,
    LONGEST_GUESS,
    PER_SECOND_PAID,
    SAME_TIME,
    UNSAID_PAUSE,
    FloodControl,
    counted_chat,
)

EPS = 1e-6
USER, GROUP = 7, -100500


def leave(control: FloodControl, chat_id: ChatId, calls: int, now: float = 0.0) -> list[float]:
    """When so many calls to one chat leave, each as soon as it may."""
    times = []
    for _ in range(calls):
        now += control.delay(chat_id, now)
        assert control.reserve(chat_id, now) == 0
        times.append(now)
    return times


# The synchronous core


def test_a_private_chat_has_a_burst_and_then_one_a_second() -> None:
    """Three at once, then one a second; after a rest, three again."""
    control = FloodControl()
    assert leave(control, USER, 6) == [0, 0, 0, 1, 2, 3]
    assert leave(control, USER, 4, now=10.0) == [10, 10, 10, 11]


def test_a_group_has_twenty_in_any_minute() -> None:
    """However they fall: the twenty-first waits until the first is a minute old."""
    control = FloodControl()
    times = leave(control, GROUP, 45)
    assert times[:5] == [0, 0, 0, 1, 2]
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[20:], strict=False))
    assert times[20] == 60


def test_a_channels_name_counts_as_a_group() -> None:
    """A name is a group's or a channel's: private chats have none that a bot can send to."""
    assert leave(FloodControl(per_chat_second=0), "@channel", 21)[-1] == 60


def test_all_chats_together_have_thirty_in_any_second() -> None:
    """The thirty-first chat waits until the first call is a second old."""
    control = FloodControl()
    assert [control.reserve(chat, 0.25) for chat in range(1, 31)] == [0.0] * 30
    assert control.delay(31, 0.75) == 0.5
    assert control.reserve(31, 0.75) == 0.5
    assert control.reserve(31, 1.25) == 0.0


def test_paid_broadcasts_have_a_thousand_a_second() -> None:
    """The rate is a parameter."""
    control = FloodControl(per_second=PER_SECOND_PAID)
    assert not any(control.reserve(chat, 0.0) for chat in range(1, 1001))
    assert control.delay(5000, 0.0) == 1.0


def test_every_whole_rate_is_kept_whole() -> None:
    """123 a minute are 123, not 122 for a rounding error's sake."""
    for rate in range(1, 1000):
        assert leave(FloodControl(0, 0, rate), GROUP, rate)[-1] == 0


def test_less_than_one_a_second_is_a_rate_too() -> None:
    """One call every four seconds."""
    assert leave(FloodControl(per_second=0.25), USER, 3) == [0, 4, 8]


@pytest.mark.parametrize(
    ("off", "chats", "calls"),
    [("per_second", range(1, 200), 1), ("per_chat_second", [USER], 30), ("per_chat_second", [GROUP], 20)],
)
def test_zero_turns_a_limit_off(off: str, chats: Any, calls: int) -> None:
    """What only that limit would have held up leaves at once; the others still hold."""
    control = FloodControl(**{off: 0})
    for chat in chats:
        assert leave(control, chat, calls) == [0] * calls


def test_a_group_without_its_limit_is_a_chat_like_any() -> None:
    """The second's limit is every chat's."""
    assert leave(FloodControl(per_group_minute=0), GROUP, 40)[-1] == 37


def test_a_negative_rate_is_refused() -> None:
    """A mistake in the settings is said at once."""
    with pytest.raises(ValueError, match="not negative"):
        FloodControl(per_second=-1)


def test_looking_takes_nothing() -> None:
    """`delay`, and a `reserve` that must wait, change nothing."""
    control = FloodControl(per_second=1, per_chat_second=0)
    assert [control.delay(USER, 0.0) for _ in range(5)] == [0.0] * 5
    assert control.reserve(USER, 0.0) == 0.0
    assert [control.reserve(USER, 0.25) for _ in range(5)] == [0.75] * 5
    assert control.reserve(USER, 1.0) == 0.0


@pytest.mark.parametrize(
    ("method", "params", "chat"),
    [
        ("sendMessage", {"chat_id": 5, "text": "x"}, 5),
        ("editMessageText", {"chat_id": -5}, -5),
        ("copyMessage", {"chat_id": "@channel"}, "@channel"),
        ("editMessageText", {"inline_message_id": "x"}, None),
        ("answerCallbackQuery", {"callback_query_id": "1"}, None),
        ("getChat", {"chat_id": 5}, None),
        ("deleteMessage", {"chat_id": 5}, None),
        ("getMe", {}, None),
    ],
)
def test_only_sends_and_edits_count(method: str, params: dict[str, Any], chat: ChatId | None) -> None:
    """What is no message is not limited, whatever its parameters."""
    assert counted_chat(method, params) == chat


# 429


def test_a_flood_of_one_chat_pauses_that_chat() -> None:
    """For as long as Telegram says, from now; others go on; a shorter pause does not end a longer one."""
    control = FloodControl()
    control.pause(9, USER, now=1.0)
    control.pause(2, USER, now=1.5)
    assert control.delay(USER, 2.0) == 8.0
    assert control.reserve(USER, 2.0) == 8.0
    assert control.reserve(8, 2.0) == 0.0
    assert control.reserve(USER, 10.0) == 0.0


def test_a_flood_of_no_chat_pauses_everything() -> None:
    """A 429 without a chat is the bot's."""
    control = FloodControl()
    control.pause(4, now=1.0)
    assert (control.delay(USER, 2.0), control.delay(GROUP, 2.0), control.delay(USER, 5.0)) == (3.0, 3.0, 0.0)


def test_floods_of_two_chats_at_once_pause_everything() -> None:
    """All for the shorter of the two, each of them for its own."""
    control = FloodControl()
    control.pause(5, 1, now=0.0)
    control.pause(9, 2, now=SAME_TIME)
    assert (control.delay(3, 1.0), control.delay(1, 1.0), control.delay(2, 1.0)) == (5.0, 5.0, 9.0)


@pytest.mark.parametrize("times", [[(0.0, 1), (1.5, 2)], [(0.0, 1), (0.5, 1), (0.9, 1)]])
def test_floods_of_one_chat_or_far_apart_pause_no_others(times: list[tuple[float, int]]) -> None:
    """A second chat's 429 long after, or the same chat's once more, say nothing of the others."""
    control = FloodControl()
    for now, chat in times:
        control.pause(5, chat, now=now)
    assert control.delay(3, 2.0) == 0.0


def test_a_guess_does_not_stop_the_bot_for_hours() -> None:
    """Two chats blocked for three hours each are no reason to stop all others for that long."""
    control = FloodControl()
    for chat in (1, 2):
        control.pause(10_072, chat, now=0.0)
    assert (control.delay(3, 0.0), control.delay(1, 0.0)) == (LONGEST_GUESS, 10_072)


async def test_a_flood_that_names_no_time_is_paused_a_little(autojump_clock: trio.testing.MockClock) -> None:
    """A proxy's 429 may say nothing; the time is Trio's."""
    control = FloodControl()
    control.pause(None, USER)
    await control.wait(USER)
    assert trio.current_time() == UNSAID_PAUSE


# Waiting


@dataclass
class Departures:
    """Calls that wait, and when each leaves."""

    control: FloodControl

    def __post_init__(self) -> None:
        self.left: list[tuple[float, ChatId, int]] = []

    async def call(self, chat_id: ChatId, number: int) -> None:
        await self.control.wait(chat_id)
        self.left.append((trio.current_time(), chat_id, number))

    def times(self, chat_id: ChatId) -> list[float]:
        return [time for time, chat, _ in self.left if chat == chat_id]


async def test_who_may_leave_does_not_wait(autojump_clock: trio.testing.MockClock) -> None:
    """No time passes; it is a checkpoint all the same."""
    control = FloodControl()
    with trio.testing.assert_checkpoints():
        await control.wait(USER)
    assert trio.current_time() == 0


async def test_a_blocked_chat_holds_up_no_other(autojump_clock: trio.testing.MockClock) -> None:
    """With a hundred calls to a paused chat waiting, another chat's leaves at once, also where all share one slot."""
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


async def test_who_has_most_to_say_goes_first_but_not_always(autojump_clock: trio.testing.MockClock) -> None:
    """Forty chats with fifty calls each use up what there is; a new chat's single call leaves within three seconds."""
    seen = Departures(FloodControl())
    async with trio.open_nursery() as nursery:
        for chat in range(1, 41):
            for number in range(50):
                nursery.start_soon(seen.call, chat, number)
        await trio.sleep(20.5)
        await seen.call(99, 0)
        assert seen.times(99)[0] <= 23.5
        nursery.cancel_scope.cancel()


async def test_nobody_is_kept_out_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    """Thirty chats always have more to say than anybody else: one turn in so many is a newcomer's all the same."""
    seen = Departures(FloodControl())

    async def heavy(chat: int) -> None:
        async with trio.open_nursery() as calls:
            for number in range(200):
                calls.start_soon(seen.call, chat, number)

    async with trio.open_nursery() as nursery:
        for chat in range(1, 31):
            nursery.start_soon(heavy, chat)
        await trio.sleep(5)
        for chat in range(101, 111):
            nursery.start_soon(seen.call, chat, 0)
        await trio.sleep(10 * OLDESTS_TURN / 30 + 1)
        assert all(seen.times(chat) for chat in range(101, 111))
        nursery.cancel_scope.cancel()


async def test_who_was_here_a_moment_ago_does_not_overtake(autojump_clock: trio.testing.MockClock) -> None:
    """One call is one call, whether or not its chat has used its burst up: who comes first goes first."""
    seen = Departures(FloodControl(per_second=1))
    for number in range(2):
        await seen.call(1, number)
    async with trio.open_nursery() as nursery:
        for chat in (2, 3, 1):
            nursery.start_soon(seen.call, chat, 9)
            await trio.testing.wait_all_tasks_blocked()
    assert [chat for _, chat, _ in seen.left] == [1, 1, 2, 3, 1]


async def test_whose_calls_grow_in_number_goes_forward(autojump_clock: trio.testing.MockClock) -> None:
    """Two chats stand at the door with a call each; the second then gets more to say, and is the first through it."""
    seen = Departures(FloodControl(per_second=1, per_chat_second=0, per_group_minute=1))
    await seen.call(1, 0)
    async with trio.open_nursery() as nursery:
        for chat in (2, -3, -3):
            nursery.start_soon(seen.call, chat, 0)
            await trio.testing.wait_all_tasks_blocked()
    assert seen.left == [(0, 1, 0), (1, -3, 0), (2, 2, 0), (61, -3, 0)]


async def test_a_chat_paused_at_the_door_lets_the_others_by(autojump_clock: trio.testing.MockClock) -> None:
    """It was the next of all, then got a 429: the slot goes to whoever is behind it, at once."""
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
    """Who comes at the very moment at which the next may leave comes after those who wait, chat and all alike."""
    seen = Departures(FloodControl(per_second=per_second))
    for number in range(first):
        await seen.call(1, number)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(seen.call, 1, 10)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1)
        mock_clock.autojump_threshold = 0
        # In this task, before the one that waits has had its turn.
        await seen.call(2 if per_second else 1, 11)
    assert [(time, number) for time, _, number in seen.left[first:]] == [(1, 10), (2, 11)]


async def test_a_cancelled_wait_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Neither a slot nor a place in the chat's or the common queue stays taken, and nothing is remembered of it."""
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


async def test_a_wait_already_cancelled_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """A call that is not going to be made uses up no slot."""
    control = FloodControl(per_second=1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await control.wait(USER)
    assert scope.cancelled_caught
    assert control.delay(USER, 0.0) == 0.0


async def test_who_had_its_turn_when_it_was_cancelled_has_not_had_it_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call that is counted as leaving is let go: a cancellation that comes at that moment waits for the call."""
    control = FloodControl()
    reserve = control.reserve
    with trio.CancelScope() as scope:

        def and_cancel(chat_id: ChatId, now: float) -> float:
            scope.cancel()
            return reserve(chat_id, now)

        monkeypatch.setattr(control, "reserve", and_cancel)
        await control.wait(USER)
    assert not scope.cancelled_caught


async def test_a_chat_with_ever_more_to_say_takes_up_no_more_room(autojump_clock: trio.testing.MockClock) -> None:
    """Each call that comes asks anew how long the chat will need; what was known before is thrown away."""
    seen = Departures(FloodControl(per_second=1, per_chat_second=0))
    await seen.call(1, 0)
    async with trio.open_nursery() as nursery:
        for number in range(3000):
            nursery.start_soon(seen.call, 2, number)
        await trio.testing.wait_all_tasks_blocked()
        assert len(seen.control._door._by_need) < 200
        nursery.cancel_scope.cancel()


# Any interleaving


@dataclass(frozen=True)
class Pause:
    at: float
    chat: int | None
    seconds: float


@dataclass(frozen=True)
class Traffic:
    """Calls as (time, chat), and the 429s that come in between; no two things happen at one time."""

    calls: list[tuple[float, int]]
    pauses: list[Pause]


CHATS = [1, 2, 3, 4, -1, -2]


@st.composite
def traffic(draw: st.DrawFn) -> Traffic:
    millis = draw(st.lists(st.integers(0, 20_000), min_size=1, max_size=60, unique=True))
    chats = draw(st.lists(st.sampled_from(CHATS), min_size=len(millis), max_size=len(millis)))
    one = st.tuples(st.integers(0, 30_000), st.sampled_from([*CHATS, None]), st.integers(1, 15))
    floods = draw(st.lists(one, max_size=6, unique_by=lambda each: each[0]))
    calls = [(milli / 1000, chat) for milli, chat in zip(sorted(millis), chats, strict=True)]
    return Traffic(calls, [Pause(milli / 1000 + 0.0005, chat, seconds) for milli, chat, seconds in sorted(floods)])


def happen(traffic: Traffic, control: FloodControl) -> list[tuple[float, int, int]]:
    """Let it happen under a mocked clock: (time, chat, number of the call) as they leave."""
    seen = Departures(control)

    async def main() -> None:
        things: list[tuple[float, Any]] = [(time, (chat, number)) for number, (time, chat) in enumerate(traffic.calls)]
        things += [(pause.at, pause) for pause in traffic.pauses]
        with trio.fail_after(100_000):
            async with trio.open_nursery() as nursery:
                for time, what in sorted(things, key=lambda thing: thing[0]):
                    await trio.sleep_until(time)
                    if isinstance(what, Pause):
                        control.pause(what.seconds, what.chat)
                    else:
                        nursery.start_soon(seen.call, *what)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return seen.left  # type: ignore[return-value]


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


def chat_limit(earlier: list[float], chat: int, interval: float) -> float:
    """The earliest time at which a chat that sent at the times `earlier` may send again; from all of its history."""
    found = -1.0
    for index in range(len(earlier)):
        # Together with those from `index` on it would be so many, of which a burst and one an interval may be.
        together = len(earlier) - index + 1
        found = max(found, earlier[index] + (together - CHAT_BURST) * interval)
    if chat < 0 and len(earlier) >= 20:
        found = max(found, earlier[-20] + 60)
    return found


@settings(max_examples=150, deadline=None)
@given(traffic(), st.sampled_from([1, 2, 5, 30]))
def test_any_interleaving_keeps_the_limits_and_wastes_no_time(traffic: Traffic, per_second: int) -> None:
    """All leave, each chat in order, never above a limit or in a pause, and each at the earliest moment it could.

    The earliest moment is computed from the recorded history alone: given who left before it, a call leaves exactly
    when the last of its own limits and pauses lets it.
    """
    left = happen(traffic, FloodControl(per_second=per_second))
    assert sorted(number for _, _, number in left) == list(range(len(traffic.calls)))
    held = spans(traffic.pauses)
    history: list[float] = []
    of_chat: dict[int, list[float]] = defaultdict(list)
    for time, chat, number in left:
        mine = of_chat[chat]
        its_held = [(start, end) for start, end, whose in held if whose in (chat, None)]
        own = max(traffic.calls[number][0], *mine[-1:], chat_limit(mine, chat, 1.0))
        shared = history[-per_second] + 1.0 if len(history) >= per_second else -1.0
        earliest = after_pauses(max(own, shared, *history[-1:]), time, its_held)
        assert time == pytest.approx(earliest, abs=EPS)
        assert not any(start + EPS < time < end - EPS for start, end in its_held)
        mine.append(time)
        history.append(time)
    for chat in CHATS:
        numbers = [number for _, whose, number in left if whose == chat]
        assert numbers == sorted(numbers)


# How long it takes in all


def best_end(
    owed: dict[int, int],
    since: float,
    per_second: int,
    earlier: dict[int, list[float]],
    held: list[tuple[float, float, int | None]],
) -> float:
    """No schedule ends sooner: so many calls to each chat, from `since` on, after those that left `earlier`.

    Each chat alone gives each call a moment before which it cannot leave, and of the calls that cannot leave before
    some moment only so many may leave in each second after it.
    """
    alone = []
    for chat, calls in owed.items():
        mine = list(earlier.get(chat, ()))
        for _ in range(calls):
            time = max(since, *mine[-1:], chat_limit(mine, chat, 1.0))
            for start, end, whose in sorted(held, key=lambda span: span[0]):
                if whose in (chat, None) and start <= time < end:
                    time = end
            mine.append(time)
            alone.append(time)
    alone.sort()
    return max(time + (len(alone) - index - 1) // per_second for index, time in enumerate(alone))


def uneven(draw: st.DrawFn, chats: list[int], seconds: float, most: int) -> Traffic:
    """Some chats with a little to say and some with much, in `seconds` seconds."""
    calls = []
    for chat in draw(st.lists(st.sampled_from(chats), min_size=1, max_size=len(chats), unique=True)):
        count = draw(st.integers(1, 3) | st.integers(1, most))
        start, end = sorted(draw(st.tuples(st.floats(0, seconds), st.floats(0, seconds))))
        calls += [(start + (end - start) * index / count, chat) for index in range(count)]
    calls = [(time + index * 1e-7, chat) for index, (time, chat) in enumerate(sorted(calls))]
    return Traffic(calls, [])


@st.composite
def backlog(draw: st.DrawFn) -> Traffic:
    """All at once, groups among them."""
    return uneven(draw, [*range(1, 41), -1, -2, -3], 0.0, 60)


@st.composite
def trouble(draw: st.DrawFn) -> Traffic:
    """One after the other, with groups and 429s."""
    calls = uneven(draw, [*range(1, 21), -1, -2, -3], 20.0, 40).calls
    one = st.tuples(st.floats(0, 40), st.sampled_from([*range(1, 21), -1, -2, -3, None]), st.integers(1, 40))
    return Traffic(calls, [Pause(*each) for each in sorted(draw(st.lists(one, max_size=5)), key=lambda each: each[0])])


def test_one_with_much_to_say_among_many_with_little_loses_no_time() -> None:
    """A chat with a hundred calls beside a thousand with one: over when the one would be, were it alone."""
    calls = [*range(2, 1002), *[1] * 100]
    left = happen(Traffic([(index * 1e-7, chat) for index, chat in enumerate(calls)], []), FloodControl())
    assert 97 <= left[-1][0] <= 98.1


@settings(max_examples=150, deadline=None)
@given(backlog(), st.sampled_from([1, 2, 5, 30]))
def test_the_total_is_within_five_percent_of_the_best(traffic: Traffic, per_second: int) -> None:
    """However uneven: all comes at once, and is through within 5 % of the best there is and the second begun."""
    end = happen(traffic, FloodControl(per_second=per_second))[-1][0]
    best = best_end(Counter(chat for _, chat in traffic.calls), 0.0, per_second, {}, [])
    assert best - EPS <= end <= best * 1.05 + 1.0 + EPS


@settings(max_examples=150, deadline=None)
@given(trouble(), st.sampled_from([1, 2, 5, 30]))
def test_the_rest_is_within_five_percent_of_the_best(traffic: Traffic, per_second: int) -> None:
    """Calls and 429s come one after the other, which nobody can foresee: from the last of them on, it is the same."""
    left = happen(traffic, FloodControl(per_second=per_second))
    since = max([time for time, _ in traffic.calls] + [pause.at for pause in traffic.pauses])
    earlier: dict[int, list[float]] = defaultdict(list)
    for time, chat, _ in left:
        if time <= since:
            earlier[chat].append(time)
    if owed := Counter(chat for time, chat, _ in left if time > since):
        best = best_end(owed, since, per_second, earlier, spans(traffic.pauses))
        assert best - EPS <= left[-1][0] <= since + (best - since) * 1.05 + 1.0 + EPS


# Memory


def test_a_million_chats_are_forgotten_as_they_fall_idle() -> None:
    """A thousand different chats a second for a thousand seconds: only those of the last moments are remembered."""
    control = FloodControl(per_second=0)
    for chat in range(1, 1_000_001):
        assert control.reserve(chat, chat / 1000) == 0.0
        if not chat % 50_000:
            assert len(control._chats) <= 2500


def test_what_still_matters_is_not_forgotten() -> None:
    """However many other chats come and go: a group's minute and a pause last as long as they last."""
    control = FloodControl(per_second=0)
    assert leave(control, GROUP, 20)[-1] == 17
    control.pause(60, USER, now=0.0)
    for chat in range(1000, 9000):
        control.reserve(chat, 30 + chat / 1000)
    assert (control.delay(GROUP, 40.0), control.delay(USER, 40.0)) == (20, 20)


def test_groups_and_pauses_are_forgotten_too() -> None:
    """A group after its minute, a paused chat after its pause: at most about twice those that still matter."""
    control = FloodControl(per_second=0)
    for index in range(100_000):
        now = index / 100
        control.reserve(-index - 1, now)
        if not index % 10:
            control.pause(30, index + 1, now=now)
    assert len(control._chats) <= 2 * (60 * 100 + 30 * 10) + 10


async def test_nobody_waiting_leaves_nothing_behind(autojump_clock: trio.testing.MockClock) -> None:
    """The queues of chats exist only while somebody waits in them."""
    seen = Departures(FloodControl())
    async with trio.open_nursery() as nursery:
        for chat in range(1, 501):
            nursery.start_soon(seen.call, chat, 0)
    assert len(seen.left) == 500
    assert seen.control._queues == {}
    assert all(earlier <= later for (earlier, _, _), (later, _, _) in pairwise(seen.left))
