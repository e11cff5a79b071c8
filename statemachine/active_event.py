"""The ACTIVE event: what workers wait on, and what it opens onto.

A `trio.Event` cannot be cleared, and ACTIVE can be lost and won again. So there is a new one each time ACTIVE is
entered or left, and whoever wakes looks again: after an opening and a closing in one step a waiter wakes although the
event is closed.

The event opens onto a value, the period, which holds what is needed to act. Whoever is through has it, and it can be
had nowhere else, so nobody has to ask whether this instance is ACTIVE.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import trio

Period = TypeVar("Period")


class ActiveEvent(Generic[Period]):
    """Open while ACTIVE. Only the `Lifecycle` opens and closes it, as it enters and leaves that state."""

    def __init__(self) -> None:
        self._period: Period | None = None
        self._changed = trio.Event()

    async def wait(self, *, after: Period | None = None) -> Period:
        """Wait until this instance is ACTIVE; returns the period.

        `after` is a period that the caller has had: this waits for a later one.
        """
        await trio.lowlevel.checkpoint()
        # Nothing runs between the last look and the return: what is returned is open at that moment.
        while self._period is None or self._period is after:
            await self._changed.wait()
        return self._period

    @property
    def period(self) -> Period | None:
        """The period at this moment; None where it is closed."""
        return self._period

    @property
    def tasks_waiting(self) -> int:
        """How many tasks wait, as `trio.Event.statistics` counts them."""
        return self._changed.statistics().tasks_waiting

    def open(self, period: Period) -> None:
        """ACTIVE is entered: wake everyone who waits."""
        self._change(period)

    def close(self) -> None:
        """ACTIVE is left: whoever comes from now on waits for the next period."""
        self._change(None)

    def _change(self, period: Period | None) -> None:
        self._period = period
        self._changed.set()
        self._changed = trio.Event()
