"""Telegram's limits, kept exactly: when a call may leave, what a 429 pauses, and that idle chats are forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from telegram_client.limits import (
    LONGEST_GUESS,
    PER_CHAT_SECOND,
    PER_GROUP_MINUTE,
    PER_SECOND,
    SAME_TIME,
    UNSAID_PAUSE,
    ChatId,
    Limits,
    counted_chat,
)

USER, GROUP = 7, -100500


def new_limits(
    per_second: float = PER_SECOND,
    per_chat_second: float = PER_CHAT_SECOND,
    per_group_minute: float = PER_GROUP_MINUTE,
) -> Limits:
    """The limits that Telegram documents, but for those that are given."""
    return Limits(per_second, per_chat_second, per_group_minute)


def leave(limits: Limits, chat_id: ChatId, calls: int, now: float = 0.0) -> list[float]:
    """When so many calls to one chat leave, each as soon as it may."""
    times = []
    for _ in range(calls):
        now += limits.delay(chat_id, now)
        assert limits.reserve(chat_id, now) == 0
        times.append(now)
    return times


def test_a_private_chat_has_a_burst_and_then_one_a_second() -> None:
    """Three at once, then one a second; after a rest, three again."""
    limits = new_limits()
    assert leave(limits, USER, 6) == [0, 0, 0, 1, 2, 3]
    assert leave(limits, USER, 4, now=10.0) == [10, 10, 10, 11]


def test_a_group_has_twenty_in_any_minute() -> None:
    """However they fall: the twenty-first waits until the first is a minute old."""
    limits = new_limits()
    times = leave(limits, GROUP, 45)
    assert times[:5] == [0, 0, 0, 1, 2]
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[20:], strict=False))
    assert times[20] == 60


def test_a_channels_name_counts_as_a_group() -> None:
    """A name is a group's or a channel's: private chats have none that a bot can send to."""
    assert leave(new_limits(per_chat_second=0), "@channel", 21)[-1] == 60


def test_all_chats_together_have_thirty_in_any_second() -> None:
    """The thirty-first chat waits until the first call is a second old."""
    limits = new_limits()
    assert [limits.reserve(chat, 0.25) for chat in range(1, 31)] == [0.0] * 30
    assert limits.delay(31, 0.75) == 0.5
    assert limits.reserve(31, 0.75) == 0.5
    assert limits.reserve(31, 1.25) == 0.0


def test_paid_broadcasts_have_a_thousand_a_second() -> None:
    """1,000 a second, where Telegram is paid for them."""
    limits = new_limits(per_second=1000)
    assert not any(limits.reserve(chat, 0.0) for chat in range(1, 1001))
    assert limits.delay(5000, 0.0) == 1.0


def test_every_whole_rate_is_kept_whole() -> None:
    """123 a minute are 123, and not 122 because of a rounding error."""
    for rate in range(1, 1000):
        assert leave(new_limits(0, 0, rate), GROUP, rate)[-1] == 0


def test_less_than_one_a_second_is_a_rate_too() -> None:
    """One call every four seconds."""
    assert leave(new_limits(per_second=0.25), USER, 3) == [0, 4, 8]


@pytest.mark.parametrize(
    ("off", "chats", "calls"),
    [("per_second", range(1, 200), 1), ("per_chat_second", [USER], 30), ("per_chat_second", [GROUP], 20)],
)
def test_zero_turns_a_limit_off(off: str, chats: Any, calls: int) -> None:
    """What only that limit would have held up leaves at once; the other limits are kept."""
    limits = new_limits(**{off: 0})
    for chat in chats:
        assert leave(limits, chat, calls) == [0] * calls


def test_a_group_without_its_limit_is_a_chat_like_any() -> None:
    """The second's limit is every chat's."""
    assert leave(new_limits(per_group_minute=0), GROUP, 40)[-1] == 37


def test_a_negative_rate_is_refused() -> None:
    """A mistake in the settings is an error at once."""
    with pytest.raises(ValueError, match="not negative"):
        new_limits(per_second=-1)


def test_looking_takes_nothing() -> None:
    """`delay`, and a `reserve` that must wait, change nothing."""
    limits = new_limits(per_second=1, per_chat_second=0)
    assert [limits.delay(USER, 0.0) for _ in range(5)] == [0.0] * 5
    assert limits.reserve(USER, 0.0) == 0.0
    assert [limits.reserve(USER, 0.25) for _ in range(5)] == [0.75] * 5
    assert limits.reserve(USER, 1.0) == 0.0


@pytest.mark.parametrize(
    ("method", "params", "chat"),
    [
        ("sendMessage", {"chat_id": 5, "text": "x"}, 5),
        ("editMessageText", {"chat_id": -5}, -5),
        ("copyMessage", {"chat_id": "@channel"}, "@channel"),
        ("sendPhoto", {"chat_id": 5, "photo": "x"}, 5),
        ("sendVideo", {"chat_id": 5, "video": "x"}, 5),
        ("editMessageMedia", {"chat_id": 5, "message_id": 1}, 5),
        ("editMessageCaption", {"chat_id": 5, "message_id": 1}, 5),
        ("editMessageText", {"inline_message_id": "x"}, None),
        ("answerInlineQuery", {"inline_query_id": "1", "results": []}, None),
        ("getFile", {"file_id": "x"}, None),
        ("answerCallbackQuery", {"callback_query_id": "1"}, None),
        ("getChat", {"chat_id": 5}, None),
        ("deleteMessage", {"chat_id": 5}, None),
        ("getMe", {}, None),
    ],
)
def test_only_sends_and_edits_count(method: str, params: dict[str, Any], chat: ChatId | None) -> None:
    """Other methods are not limited, whatever their parameters."""
    assert counted_chat(method, params) == chat


def test_a_429_of_one_chat_pauses_that_chat() -> None:
    """For as long as Telegram says, from now; others go on; a shorter pause does not end a longer one."""
    limits = new_limits()
    limits.pause(9, USER, now=1.0)
    limits.pause(2, USER, now=1.5)
    assert limits.delay(USER, 2.0) == 8.0
    assert limits.reserve(USER, 2.0) == 8.0
    assert limits.reserve(8, 2.0) == 0.0
    assert limits.reserve(USER, 10.0) == 0.0


def test_a_429_of_no_chat_pauses_everything() -> None:
    """A 429 without a chat is the bot's."""
    limits = new_limits()
    limits.pause(4, now=1.0)
    assert (limits.delay(USER, 2.0), limits.delay(GROUP, 2.0), limits.delay(USER, 5.0)) == (3.0, 3.0, 0.0)


def test_two_chats_answered_429_at_once_pause_everything() -> None:
    """All for the shorter of the two, each of them for its own."""
    limits = new_limits()
    limits.pause(5, 1, now=0.0)
    limits.pause(9, 2, now=SAME_TIME)
    assert (limits.delay(3, 1.0), limits.delay(1, 1.0), limits.delay(2, 1.0)) == (5.0, 5.0, 9.0)


@pytest.mark.parametrize("times", [[(0.0, 1), (1.5, 2)], [(0.0, 1), (0.5, 1), (0.9, 1)]])
def test_429s_of_one_chat_or_far_apart_pause_no_others(times: list[tuple[float, int]]) -> None:
    """A second chat's 429 long after, or the same chat's once more, say nothing of the others."""
    limits = new_limits()
    for now, chat in times:
        limits.pause(5, chat, now=now)
    assert limits.delay(3, 2.0) == 0.0


def test_a_429_that_names_no_time_pauses_a_little() -> None:
    """A proxy's 429 may say nothing of how long."""
    limits = new_limits()
    limits.pause(None, USER, now=1.0)
    assert (limits.delay(USER, 1.0), limits.delay(8, 1.0)) == (UNSAID_PAUSE, 0.0)


def test_a_guess_does_not_stop_the_bot_for_hours() -> None:
    """Two chats blocked for three hours each are no reason to stop all others for that long."""
    limits = new_limits()
    for chat in (1, 2):
        limits.pause(10_072, chat, now=0.0)
    assert (limits.delay(3, 0.0), limits.delay(1, 0.0)) == (LONGEST_GUESS, 10_072)


def test_chats_are_forgotten_as_they_fall_idle() -> None:
    """A thousand different chats a second for two minutes: only those of the last moments are remembered."""
    limits = new_limits(per_second=0)
    for chat in range(1, 120_001):
        assert limits.reserve(chat, chat / 1000) == 0.0
        if not chat % 10_000:
            assert len(limits) <= 2500


def test_what_still_matters_is_not_forgotten() -> None:
    """However many other chats come and go: a group's minute and a pause last as long as they last."""
    limits = new_limits(per_second=0)
    assert leave(limits, GROUP, 20)[-1] == 17
    limits.pause(60, USER, now=0.0)
    for chat in range(1000, 9000):
        limits.reserve(chat, 30 + chat / 1000)
    assert (limits.delay(GROUP, 40.0), limits.delay(USER, 40.0)) == (20, 20)


def test_groups_and_pauses_are_forgotten_too() -> None:
    """A group after its minute, a paused chat after its pause: at most about twice those that still matter."""
    limits = new_limits(per_second=0)
    for index in range(100_000):
        now = index / 100
        limits.reserve(-index - 1, now)
        if not index % 10:
            limits.pause(30, index + 1, now=now)
    assert len(limits) <= 2 * (60 * 100 + 30 * 10) + 10
