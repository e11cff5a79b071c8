"""Ctrl-C, or SIGTERM, while something runs that has to clean up after itself."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

_Result = TypeVar("_Result")


async def until_interrupted(work: Callable[[], Awaitable[_Result]]) -> _Result | None:
    """What `work` comes to; None if SIGINT or SIGTERM came first, by which it is cancelled."""
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
