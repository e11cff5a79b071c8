"""The ACTIVE event: open in ACTIVE and in no other state, and what it opens onto can be had nowhere else."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from statemachine import Lifecycle, State


def in_state(state: State) -> Lifecycle[str]:
    """A lifecycle in `state`, which has been ACTIVE before if it can have been."""
    lifecycle: Lifecycle[str] = Lifecycle(lambda _step: None)
    if state is not State.BOOT:
        lifecycle.booted()
        lifecycle.lock_acquired("first", epoch=1)
    if state is State.PASSIVE:
        lifecycle.lock_lost("test")
    if state is State.DRAINING:
        lifecycle.drain("test")
    return lifecycle


def booted() -> Lifecycle[str]:
    """A lifecycle in PASSIVE that has not been ACTIVE yet."""
    lifecycle: Lifecycle[str] = Lifecycle(lambda _step: None)
    lifecycle.booted()
    return lifecycle


async def wait(lifecycle: Lifecycle[str], got: list[str]) -> None:
    """Stand at the event, and note what it opens onto."""
    got.append(await lifecycle.active.wait())


@pytest.mark.parametrize("state", [State.BOOT, State.PASSIVE, State.DRAINING])
async def test_no_period_outside_of_active(state: State, autojump_clock: trio.testing.MockClock) -> None:
    """Whoever waits in another state gets nothing, however long; also where there was a period before."""
    lifecycle = in_state(state)
    with trio.move_on_after(3600) as waiting:
        await lifecycle.active.wait()
    assert waiting.cancelled_caught


async def test_all_who_wait_get_the_period_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """And whoever comes while it is open gets it too."""
    lifecycle, got = booted(), list[str]()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait, lifecycle, got)
        await trio.testing.wait_all_tasks_blocked()
        assert got == []
        assert lifecycle.active.tasks_waiting == 3
        lifecycle.lock_acquired("period", epoch=1)
    assert got == ["period"] * 3
    assert await lifecycle.active.wait() == "period"
    assert trio.current_time() == 0.0


async def test_opened_and_closed_in_one_step_lets_nobody_through(autojump_clock: trio.testing.MockClock) -> None:
    """The waiters wake, look again and wait on: none of them is handed a period that has ended."""
    lifecycle, got = booted(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, lifecycle, got)
        await trio.testing.wait_all_tasks_blocked()
        lifecycle.lock_acquired("ended", epoch=1)
        lifecycle.lock_lost("at once")
        await trio.testing.wait_all_tasks_blocked()
        assert got == []
        lifecycle.lock_acquired("next", epoch=2)
    assert got == ["next"]


async def test_a_period_is_had_once(autojump_clock: trio.testing.MockClock) -> None:
    """Who asks for a later one waits while its own is still open, and gets the next."""
    lifecycle = in_state(State.ACTIVE)
    period = await lifecycle.active.wait()
    with trio.move_on_after(60) as waiting:
        await lifecycle.active.wait(after=period)
    assert waiting.cancelled_caught
    lifecycle.lock_lost("test")
    lifecycle.lock_acquired("second", epoch=2)
    assert await lifecycle.active.wait(after=period) == "second"


async def test_waiting_is_a_checkpoint_though_it_is_open(autojump_clock: trio.testing.MockClock) -> None:
    """A cancelled task gets no period."""
    lifecycle = in_state(State.ACTIVE)
    with trio.CancelScope() as scope:
        scope.cancel()
        await lifecycle.active.wait()
        raise AssertionError("not reached")
    assert scope.cancelled_caught
