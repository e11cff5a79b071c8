"""How long nobody answered anybody when the lead went from one instance to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

RECENT = 1.0
"""Seconds: if the one before has not answered anybody for longer, and nobody presses, the gap means nothing."""
BECAUSE = 60.0
"""Seconds for which a change of leader is put down to what was done last."""

Told = Callable[[str, float, float], None]
"""Told of each handover: the action that brought it about, the gap in seconds, and when (Unix time)."""


@dataclass
class _Acts:
    """When an instance has called for a chat last, and first since it led last; when it was killed or frozen."""

    last_call: float = 0.0
    first_call: float | None = None
    halted: float = 0.0


class Handovers:
    """Told of calls, halts and terms as they become known, which is not always in their order. Times are Unix times.

    `people_write` says whether somebody presses now and then. The gap is from the last call of the leader before, or
    from when it was killed or frozen, to the first call of the next.
    """

    def __init__(self, told: Told, people_write: Callable[[], bool]) -> None:
        self._told = told
        self._people_write = people_write
        self._acts: dict[str, _Acts] = {}
        self._leader = ""
        self._began = 0.0
        self._last_active: float | None = None
        self._because = ("", 0.0)

    def because(self, action: str, now: float) -> None:
        """This is done now: who leads next does so because of it."""
        self._because = (action, now)

    def halted(self, instance: str, now: float) -> None:
        """It was killed or frozen."""
        self._of(instance).halted = now

    def leads(self, instance: str, began: float) -> None:
        """It has become ACTIVE at this time."""
        before, self._leader, self._began = self._of(self._leader), instance, began
        self._last_active = self._end_of(before) if before.last_call else None
        acts = self._of(instance)
        if acts.first_call is not None and acts.first_call >= began:
            self._tell(acts.first_call)
        acts.first_call = None

    def called(self, instance: str, at: float) -> None:
        """It has called for a chat."""
        acts = self._of(instance)
        acts.last_call = at
        if instance != self._leader:
            # Not known to lead yet: its log comes a little later than its calls.
            acts.first_call = at if acts.first_call is None else acts.first_call
        elif self._last_active is not None:
            self._tell(at)

    def _tell(self, first_call: float) -> None:
        end, self._last_active = self._last_active, None
        if end is None or not (self._people_write() or first_call - end <= RECENT):
            return
        action, at = self._because
        self._told(action if first_call - at <= BECAUSE else "", max(first_call - end, 0.0), first_call)

    def _end_of(self, before: _Acts) -> float:
        """Until when the leader before has acted: one that is killed or frozen meanwhile acts until then."""
        return max(before.last_call, before.halted)

    def _of(self, instance: str) -> _Acts:
        return self._acts.setdefault(instance, _Acts())
