"""Who is told what happens to an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from demo.instances.instance_log import Event

if TYPE_CHECKING:
    from demo.instances.instance import Instance


class Surroundings(Protocol):
    """Who is told what happens to an instance. None of these waits or raises."""

    def started(self, instance: Instance) -> None:
        """Its process has been started."""

    def logged(self, instance: Instance, event: Event) -> None:
        """It has logged something, which it knows itself already."""

    def halted(self, instance: Instance) -> None:
        """It is killed or frozen: from now on it does nothing."""

    def happened(self, text: str) -> None:
        """What was done to it is undone."""

    def ended(self, instance: Instance) -> None:
        """Its process has ended and was waited for."""
