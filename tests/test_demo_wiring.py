"""Who is told what: the way from what Telegram and the instances do to the score."""

from __future__ import annotations

from typing import cast

import pytest
import trio
from trio.testing import MockClock

from demo.keeper import Keeper
from demo.people import CROWD, FIRST
from demo.wiring import Wiring
from sandbox.telegram import Telegram

NOW = 1_700_000_000.0


@pytest.fixture
def telegram() -> Telegram:
    return Telegram()


@pytest.fixture
def wiring(telegram: Telegram) -> Wiring:
    """It begins at once; there are no processes, so there is no keeper."""
    wiring = Wiring(telegram, cast("Keeper", None))
    wiring.begin()
    return wiring


def says_start(telegram: Telegram, wiring: Wiring) -> int:
    """One of the crowd presses, and an instance accepts it."""
    update = telegram.user_sends_text(FIRST, "/start")
    assert update is not None
    wiring.acknowledged(update.id, 0.01, NOW)
    return update.id


async def test_a_bot_that_answers_no_start_loses_none(
    telegram: Telegram, wiring: Wiring, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """What it has finished is not lost, nobody waits, and the crowd presses on though nobody is ever answered."""
    wiring.judging = False
    update_id = says_start(telegram, wiring)
    for _ in range(2):
        wiring.score.known_to_database([update_id], [], [update_id])
    nursery.start_soon(wiring.people.run)
    wiring.people.set_rate(500)
    await trio.sleep(CROWD / 500 + 1)
    assert (wiring.score.view(NOW).lost, wiring.score.view(NOW).waiting, wiring.people.skipped) == (0, 0, 0)
