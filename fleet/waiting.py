"""Waiting for what another process does. Nothing tells us when it is done, so it is asked again and again."""

from __future__ import annotations

from collections.abc import Callable

import trio

DEADLINE = 45.0
"""Seconds after which whatever is waited for counts as broken. A machine under load takes a fraction of it."""
_EVERY = 0.005


async def eventually(condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
    """Return once `condition()` is true; raises trio.TooSlowError after `deadline` seconds."""
    with trio.fail_after(deadline):
        while not condition():
            await trio.sleep(_EVERY)
