"""Waiting for what another process does. Nothing tells us when it is done, so it is asked again and again."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")

DEADLINE = 90.0
"""Seconds after which whatever is waited for counts as broken. A machine under load takes a fraction of it."""
_EVERY = 0.005


async def comes(condition: Callable[[], bool], *, every: float = _EVERY) -> None:
    """Return once `condition()` is true; it is asked every so many seconds. The caller sets a deadline."""
    while not condition():
        await trio.sleep(every)


async def eventually(condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
    """The same with a deadline: raises trio.TooSlowError after so many seconds."""
    with trio.fail_after(deadline):
        await comes(condition)


async def until_interrupted(work: Callable[[], Awaitable[T]]) -> T | None:
    """The result of `work`; None if SIGINT or SIGTERM came first and it was cancelled."""
    result: T | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                await anext(aiter(signals))
                nursery.cancel_scope.cancel(reason="interrupted")

            nursery.start_soon(listen)
            result = await work()
            nursery.cancel_scope.cancel(reason="the work is done")
    return result
