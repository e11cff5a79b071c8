"""How late the event loop runs is on the metrics."""

from __future__ import annotations

import trio
import trio.testing

from svc.observability.loop_lag import measure_loop_lag
from svc.observability.metrics import Metrics


async def test_a_loop_that_is_not_held_up_is_never_late(autojump_clock: trio.testing.MockClock) -> None:
    """Ten times a second, and no time is lost."""
    metrics = Metrics()
    with trio.move_on_after(10):
        await measure_loop_lag(metrics.loop_lag)
    sample = metrics.registry.get_sample_value
    assert (sample("svc_loop_lag_seconds_count") or 0) >= 90
    assert sample("svc_loop_lag_seconds_sum") == 0


async def test_a_task_that_does_not_wait_makes_it_late(mock_clock: trio.testing.MockClock) -> None:
    """Time that passes without the loop running is the lag."""
    metrics = Metrics()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(measure_loop_lag, metrics.loop_lag)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(2.1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert metrics.registry.get_sample_value("svc_loop_lag_seconds_sum") == 2.0
