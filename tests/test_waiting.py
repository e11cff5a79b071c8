"""The small tools to wait with, under the mock clock."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing

from svc.observability.errors import describe, leaves
from svc.waiting import Backoff, Wakeup, until


async def test_a_wakeup_wakes_all_who_wait(autojump_clock: trio.testing.MockClock) -> None:
    """Several may wait, and each wakes."""
    wakeup, woken = Wakeup(), []

    async def wait(name: str) -> None:
        await wakeup.wait()
        woken.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "a")
        nursery.start_soon(wait, "b")
        await trio.testing.wait_all_tasks_blocked()
        wakeup.set()
    assert sorted(woken) == ["a", "b"]


async def test_a_set_before_the_wait_is_kept_and_counts_once(autojump_clock: trio.testing.MockClock) -> None:
    """However often it was set meanwhile, the next wait returns at once and the one after it waits."""
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set()
    await wakeup.wait()
    with trio.move_on_after(1) as waiting:
        await wakeup.wait()
    assert waiting.cancelled_caught


async def test_a_cleared_wakeup_waits(autojump_clock: trio.testing.MockClock) -> None:
    """What is looked at after `clear` need not be woken for."""
    wakeup = Wakeup()
    wakeup.set()
    wakeup.clear()
    with trio.move_on_after(1) as waiting:
        await wakeup.wait()
    assert waiting.cancelled_caught


async def test_until_gives_the_result_or_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """The work's result if it comes first, else None, and the work is cancelled."""
    event, ended = trio.Event(), []

    async def work() -> str:
        try:
            await trio.sleep(5)
        except trio.Cancelled:
            ended.append("cancelled")
            raise
        return "done"

    assert await until(event, work) == "done"
    event.set()
    assert await until(event, work) is None
    assert ended == ["cancelled"]


def test_a_backoff_doubles_up_to_its_bound_and_starts_anew() -> None:
    """1, 2, 4, 4, each less up to a quarter; after a reset the first again."""
    backoff = Backoff(1.0, 4.0, random.Random(1))
    for longest in (1, 2, 4, 4):
        assert 0.75 * longest <= backoff.next() <= longest
    backoff.reset()
    assert backoff.next() <= 1
    assert 3 <= backoff.after(10_000) <= 4


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\n lines"), "ValueError: two lines"),
        (TimeoutError(), "TimeoutError: no answer in time"),
        (trio.TooSlowError(), "TooSlowError: no answer in time"),
        (KeyError(), "KeyError"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 488),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    """Whatever is in it."""
    assert describe(error) == line


def test_the_leaves_of_a_group() -> None:
    """Groups in groups, and an error that is none."""
    one, two = ValueError("1"), KeyError("2")
    assert leaves(ExceptionGroup("", [one, ExceptionGroup("", [two])])) == [one, two]
    assert leaves(one) == [one]
