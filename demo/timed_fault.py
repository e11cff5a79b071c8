"""A fault that is undone by itself after a while."""

from __future__ import annotations

from collections.abc import Callable

import trio


class TimedFault:
    """`begin` puts it in force, `end` undoes it. Whoever orders it again while it is in force makes it last longer.

    Its timer runs in `nursery`: when that is cancelled, the fault is not undone.
    """

    def __init__(self, nursery: trio.Nursery, begin: Callable[[], object], end: Callable[[], object]) -> None:
        self._nursery = nursery
        self._begin = begin
        self._end = end
        self._until: float | None = None

    @property
    def left(self) -> float:
        """Seconds until it is undone; 0 if it is not in force."""
        return 0.0 if self._until is None else max(self._until - trio.current_time(), 0.0)

    def order(self, seconds: float) -> None:
        """Put it in force for so long from now on."""
        is_new, self._until = self._until is None, trio.current_time() + seconds
        if is_new:
            self._begin()
            self._nursery.start_soon(self._undo_in_time)

    async def _undo_in_time(self) -> None:
        # Again where it was ordered anew meanwhile.
        while self.left:  # noqa: ASYNC110 (nothing but time is waited for)
            await trio.sleep(self.left)
        self._until = None
        self._end()
