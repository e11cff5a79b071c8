"""Unix time that follows Trio's clock, so that a mocked clock also moves dates and expiries."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

Clock = Callable[[], float]
"""Returns the Unix time in seconds."""


class TrioWallClock:
    """A Clock, anchored at its first look: there it is `start` (default: the true time). Works inside Trio only."""

    def __init__(self, start: float | None = None) -> None:
        self._start = start
        self._offset: float | None = None

    def __call__(self) -> float:
        """The Unix time in seconds."""
        now = trio.current_time()
        if self._offset is None:
            self._offset = (time.time() if self._start is None else self._start) - now
        return self._offset + now
