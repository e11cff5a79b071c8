"""A bell that wakes whoever waits: "look again, something may be new"."""

from __future__ import annotations

import trio


class Doorbell:
    """Rings are not counted and nothing is passed along: after waking, look at the state itself.

    Look, then wait without a checkpoint in between, and no ring is missed.
    """

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake everyone who waits now."""
        if self._event.statistics().tasks_waiting:
            self._event.set()
            self._event = trio.Event()

    async def wait(self) -> None:
        """Wait for the next ring."""
        await self._event.wait()
