"""The lease under the mock clock: many tasks share it, and its end is the end of all of them."""

from __future__ import annotations

import trio
import trio.testing

from svc.leadership.lease import RAN_OUT, Lease, LeaseTimes


async def act(lease: Lease, ends: list[float]) -> None:
    """Act under the lease for as long as it lasts."""
    with lease.scope():
        try:
            await trio.sleep_forever()
        finally:
            ends.append(trio.current_time())


def test_it_is_shorter_than_the_servers_timeout() -> None:
    """The lease L is below the server's timeout T, and several heartbeats fit into it: only clock rates matter."""
    times = LeaseTimes(3.0)
    assert times.length == 2.0
    assert times.heartbeat == 0.5


async def test_heartbeats_move_the_end_of_all_who_act(autojump_clock: trio.testing.MockClock) -> None:
    """Each has a scope of its own; without a further heartbeat all of them end at the same moment."""
    lease, ends = Lease(2.0), list[float]()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(act, lease, ends)
        await trio.sleep(1.5)
        lease.renew(3.5)
        assert lease.left == 2.0
    assert ends == [3.5] * 3
    assert lease.over
    assert lease.reason == RAN_OUT
    assert lease.left == 0


async def test_its_end_cancels_all_who_act(autojump_clock: trio.testing.MockClock) -> None:
    """At once, and the first reason counts."""
    lease, ends = Lease(100.0), list[float]()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(act, lease, ends)
        await trio.sleep(5)
        lease.end("lost")
        lease.end("and later something else")
        await lease.ended()
    assert ends == [5.0] * 3
    assert lease.reason == "lost"


async def test_who_comes_after_the_end_is_cancelled_from_the_start(autojump_clock: trio.testing.MockClock) -> None:
    """Whether it was ended or ran out."""
    ended, ran_out = Lease(100.0), Lease(1.0)
    ended.end("lost")
    await trio.sleep(2)
    for lease in (ended, ran_out):
        acted: list[str] = []
        with lease.scope():
            acted.append("began")
            await trio.lowlevel.checkpoint()
            acted.append("went on")
        assert acted == ["began"]


async def test_a_heartbeat_that_comes_too_late_changes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Once run out it stays so: another instance may lead by then."""
    lease = Lease(2.0)
    await trio.sleep(2)
    lease.renew(10.0)
    assert lease.over
    await lease.ended()
    assert trio.current_time() == 2.0


async def test_ended_returns_when_it_runs_out(autojump_clock: trio.testing.MockClock) -> None:
    """At the deadline that the last heartbeat has set."""
    lease = Lease(2.0)

    async def renew() -> None:
        await trio.sleep(1.9)
        lease.renew(4.0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(renew)
        await lease.ended()
    assert trio.current_time() == 4.0


async def test_vacated_waits_for_the_last_who_acts(autojump_clock: trio.testing.MockClock) -> None:
    """Cancelled ones too: one that takes its time to end is waited for."""
    lease = Lease(1.0)

    async def slow_to_end() -> None:
        with lease.scope(), trio.CancelScope(shield=True):
            await trio.sleep(5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(act, lease, [])
        nursery.start_soon(slow_to_end)
        await trio.testing.wait_all_tasks_blocked()
        occupied = [lease.occupied]
        await lease.vacated()
        occupied.append(lease.occupied)
    assert trio.current_time() == 5.0
    assert occupied == [True, False]
    await lease.vacated()
