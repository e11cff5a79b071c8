"""SIGINT and SIGTERM end a run in order: what it has started is gone before the process is."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

_Outcome = TypeVar("_Outcome")


async def until_interrupted(work: Callable[[], Awaitable[_Outcome]]) -> _Outcome | None:
    """What `work` returns; None if one of the signals came, by which it is cancelled."""
    outcome = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                await anext(aiter(signals))
                nursery.cancel_scope.cancel(reason="interrupted")

            nursery.start_soon(listen)
            outcome = await work()
            nursery.cancel_scope.cancel(reason="the run is over")
    return outcome
