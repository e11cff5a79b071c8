"""What operators have begun, under the mock clock: it goes on without whoever asked, and has an end all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from svc.actions.orders import CannotBeDone
from svc.ops.under_way import ANSWER_WITHIN, AT_ONCE, DEADLINE, GOES_ON, STOPPED, STOPPING, TOO_LONG, TOO_MANY, UnderWay
from tests.harness import captured_logs


class Work:
    """Takes so many seconds, and notes how it ended."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        self.ended = ""
        self._seconds = seconds
        self._error = error

    async def __call__(self) -> str:
        try:
            await trio.sleep(self._seconds)
        except trio.Cancelled:
            self.ended = "stopped"
            raise
        self.ended = "done"
        if self._error is not None:
            raise self._error
        return "All of it is done."


@asynccontextmanager
async def at_work() -> AsyncIterator[tuple[UnderWay, trio.Nursery]]:
    """It does what it is asked for within the block; cancelling the nursery stops it."""
    under_way = UnderWay()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_way.run)
        await trio.testing.wait_all_tasks_blocked()
        yield under_way, nursery
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_the_sentence_or_the_error_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever waits hears what came of it."""
    async with at_work() as (under_way, _):
        assert await under_way.do("replay", Work(1)) == "All of it is done."
        with pytest.raises(CannotBeDone, match="nobody"):
            await under_way.do("step_down", Work(1, CannotBeDone("nobody is ACTIVE")))


async def test_it_goes_on_when_nobody_waits(autojump_clock: trio.testing.MockClock) -> None:
    """A browser that hangs up, or that has waited long enough, stops nothing; an error that nobody hears is logged."""
    left, slow, broken = Work(5), Work(ANSWER_WITHIN + 1), Work(5, KeyError("x"))
    with captured_logs() as logs:
        async with at_work() as (under_way, _):
            for work in (left, broken):
                with trio.move_on_after(1):
                    await under_way.do("replay", work)
            assert await under_way.do("discard", slow) == GOES_ON
            await trio.sleep(10)
    assert (left.ended, slow.ended, broken.ended) == ("done", "done", "done")
    assert [line["chore"] for line in logs.of("CHORE_FAILED")] == ["OPS replay"]


async def test_it_ends_when_the_instance_does(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever waits is told so at once, and whoever comes later that nothing was begun."""
    work = Work(100)
    told: list[str] = []

    async def ask() -> None:
        with pytest.raises(CannotBeDone) as stopped:
            await under_way.do("replay", work)
        told.append(str(stopped.value))

    async with trio.open_nursery() as asking, at_work() as (under_way, nursery):
        asking.start_soon(ask)
        await trio.sleep(1)
        nursery.cancel_scope.cancel(reason="it drains")
    assert (told, work.ended, trio.current_time()) == ([STOPPED], "stopped", 1)
    with pytest.raises(CannotBeDone, match=STOPPING):
        await under_way.do("replay", work)


async def test_its_bounds(autojump_clock: trio.testing.MockClock) -> None:
    """So many at once and no more, and none for ever: then there is room again."""
    works = [Work(DEADLINE + 1) for _ in range(AT_ONCE)]
    async with at_work() as (under_way, nursery):
        for work in works:
            nursery.start_soon(under_way.do, "replay", work)
        await trio.sleep(1)
        with pytest.raises(CannotBeDone, match=TOO_MANY):
            await under_way.do("replay", Work(1))
        await trio.sleep(DEADLINE)
        assert {work.ended for work in works} == {"stopped"}
        assert await under_way.do("replay", Work(1)) == "All of it is done."


async def test_one_that_takes_too_long_says_so(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody still waits."""
    monkeypatch.setattr("svc.ops.under_way.DEADLINE", 5.0)
    async with at_work() as (under_way, _):
        with pytest.raises(CannotBeDone, match=TOO_LONG):
            await under_way.do("replay", Work(6))
