"""The crowd of the demo: evenly in time, each of them again only when they have had their answer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from demo.people import CATCH_UP, CROWD, FIRST, KEPT_MESSAGES, MAX_RATE, People
from sandbox.state import PendingUpdate
from sandbox.telegram import Telegram
from tests.sandbox_calls import call

Presses = list[tuple[float, int]]
"""When, by Trio's clock, and who."""


@pytest.fixture
def telegram() -> Telegram:
    return Telegram()


@pytest.fixture
async def people(telegram: Telegram, nursery: trio.Nursery) -> People:
    people = People(telegram)
    nursery.start_soon(people.run)
    return people


def recorded(telegram: Telegram, then: Callable[[int], None] = lambda person: None) -> Presses:
    """Fills with the presses as they come; `then` is called with who has pressed."""
    presses: Presses = []

    def note(_: object) -> None:
        update: PendingUpdate = list(telegram.bot().pending.values())[-1]
        telegram.bot().pending.clear()
        person = update.body["from"]["id"]
        presses.append((trio.current_time(), person))
        then(person)

    telegram.watch(note)
    return presses


async def test_two_hundred_a_second_are_one_every_five_milliseconds(
    telegram: Telegram, people: People, autojump_clock: MockClock
) -> None:
    presses = recorded(telegram)
    people.set_rate(200)
    await trio.sleep(2)
    assert len(presses) == pytest.approx(400, abs=1)
    assert {round(later - earlier, 6) for (earlier, _), (later, _) in pairwise(presses)} == {0.005}
    assert [person for _, person in presses] == [FIRST + n for n in range(len(presses))]


async def test_a_new_rate_counts_at_once_and_zero_stops(
    telegram: Telegram, people: People, autojump_clock: MockClock
) -> None:
    """Also while the next press is far away."""
    presses = recorded(telegram)
    people.set_rate(0.001)
    await trio.sleep(1)
    assert len(presses) == 1
    people.set_rate(20)
    await trio.sleep(0.99)
    assert len(presses) == 1 + 20
    people.set_rate(0)
    await trio.sleep(3600)
    assert len(presses) == 1 + 20
    people.set_rate(1)
    await wait_all_tasks_blocked()
    assert len(presses) == 1 + 20 + 1


async def test_who_waits_for_an_answer_does_not_press_again(
    telegram: Telegram, people: People, autojump_clock: MockClock
) -> None:
    """When all of them wait, presses are skipped; then it is the turn of whoever was answered first."""
    presses = recorded(telegram)
    people.set_rate(MAX_RATE)
    await trio.sleep(CROWD / MAX_RATE + 1)
    assert len(presses) == CROWD
    assert people.skipped == pytest.approx(MAX_RATE, abs=2)
    for person in (FIRST + 9, FIRST + 3, FIRST + 9, 1001):
        people.answered(person)
    await trio.sleep(1)
    assert [person for _, person in presses[CROWD:]] == [FIRST + 9, FIRST + 3]


async def test_after_a_stall_no_more_than_a_second_is_made_up_for(
    telegram: Telegram, people: People, autojump_clock: MockClock
) -> None:
    """The process was held up for a minute."""
    presses = recorded(telegram)
    people.set_rate(20)
    await trio.sleep(0.99)
    autojump_clock.jump(60)
    await wait_all_tasks_blocked()
    assert len(presses) == pytest.approx(20 + CATCH_UP * 20, abs=2)


@pytest.mark.parametrize("wanted", ["message", "callback_query"], ids=["no room", "not wanted"])
async def test_a_press_that_telegram_does_not_take_costs_nobody_their_turn(
    wanted: str, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Everybody may still press when that is over."""
    telegram = Telegram(max_pending=1)
    people = People(telegram)
    nursery.start_soon(people.run)
    call(telegram, "getUpdates", allowed_updates=f'["{wanted}"]')
    people.set_rate(MAX_RATE)
    await trio.sleep(2 * CROWD / MAX_RATE)
    assert people.skipped == pytest.approx(2 * CROWD, abs=2)
    telegram.bot().pending.clear()
    call(telegram, "getUpdates", allowed_updates='["message"]')
    await trio.sleep(1)
    assert len(telegram.bot().pending) == 1


async def test_they_are_of_both_languages_and_their_chats_stay_short(
    telegram: Telegram, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """However often they press, Telegram keeps a few messages of each."""
    monkeypatch.setattr("demo.people.CROWD", 5)
    people = People(telegram)
    nursery.start_soon(people.run)
    recorded(telegram, then=people.answered)
    people.set_rate(20)
    await trio.sleep(20)
    assert len(telegram.messages(FIRST)) == KEPT_MESSAGES
    assert {user["language_code"] for user in telegram.users.values()} == {"en", "ru"}


@pytest.mark.parametrize("rate", [-1, MAX_RATE + 1, float("nan")])
async def test_a_rate_that_makes_no_sense(rate: float, people: People, autojump_clock: MockClock) -> None:
    people.set_rate(20)
    with pytest.raises(ValueError, match="0 to 500"):
        people.set_rate(rate)
    assert people.rate == 20
