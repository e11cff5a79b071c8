"""The last minutes, second by second: what the plots show. Synchronous, and without a clock of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = 120
"""How far back the plots go."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done to the system, or undone, at this Unix time."""

    at: float
    text: str


class History:
    """Counts and latencies by second, and the marks; what is older than SECONDS is forgotten."""

    def pressed(self, at: float) -> None:
        """Somebody has pressed /start."""
        raise NotImplementedError

    def answered(self, at: float, seconds: float) -> None:
        """Somebody has their menu, so many seconds after they pressed."""
        raise NotImplementedError

    def acknowledged(self, at: float, seconds: float) -> None:
        """An update was answered with 200, after so many seconds."""
        raise NotImplementedError

    def mark(self, mark: Mark) -> None:
        """Something was done to the system."""
        raise NotImplementedError

    def marks(self, now: float) -> Sequence[Mark]:
        """The marks that can be seen, oldest first."""
        raise NotImplementedError

    def plots(self, now: float) -> dict[str, str]:
        """The plots as SVG by name: `menus` (pressed and answered a second), `menu_ms` and `ack_ms` (p50 and p99)."""
        raise NotImplementedError
