"""Turns: what many may want at the same moment is begun by a few in each pass of Trio's loop.

Trio runs all tasks that can run before it looks for anything new. Two thousand connections that close together, or a
hundred strangers who ask without pause, would be one long pass after the other, in which an update waits at each of its
steps. With turns it waits for a few of them.
"""

from __future__ import annotations

import math

import trio

LONGEST_REST = 0.1
"""Seconds: after a pass that something else has made long nobody has to wait as long again."""


class Turns:
    """Lets `at_once` begin in a pass; the others wait for their turn, in order. With `rest` the loop is free between
    two turns for as long as the pass of the first one took: an update gets through all of its steps meanwhile.

    One that has begun and waits, for the database or for its client, holds up no other.
    """

    def __init__(self, at_once: int = 1, *, rest: bool = False) -> None:
        self._places = trio.CapacityLimiter(at_once)
        self._rest = rest
        self._given_at = -math.inf

    async def take(self) -> None:
        """Wait for a turn."""
        must_wait = self._places.available_tokens == 0
        async with self._places:
            took = trio.current_time() - self._given_at
            await trio.sleep(min(took, LONGEST_REST) if self._rest and must_wait else 0)
            self._given_at = trio.current_time()
