"""How late the event loop runs: a loop that is starved of the processor looks like a pause."""

from __future__ import annotations

import trio
from prometheus_client import Histogram

MEASURE_EVERY = 0.1


async def measure_loop_lag(lag: Histogram) -> None:
    """Observe now and then how late a task runs that is due, in seconds; until cancelled."""
    while True:
        due = trio.current_time() + MEASURE_EVERY
        await trio.sleep_until(due)
        lag.observe(trio.current_time() - due)
