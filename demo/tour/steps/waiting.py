"""Waiting for what other processes do: nothing tells of it, so it is looked at again and again."""

from __future__ import annotations

from collections.abc import Callable

import trio


async def comes(condition: Callable[[], bool], *, every: float = 0.005) -> None:
    """Return once `condition()` is true; it is asked every so many seconds. The caller sets a deadline."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(every)
