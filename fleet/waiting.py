"""Waiting for what another process does. Nothing tells us when it is done, so it is asked again and again."""

from __future__ import annotations

from collections.abc import Callable

import trio

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
