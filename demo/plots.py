"""Time plots as SVG: lines over the last minutes, with a mark for everything that was done to the system.

They take their colours from CSS classes of the page, so they suit light and dark, and scale with the width they get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.history import Mark


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, its CSS class, and its value at each Unix time; None is a gap."""

    name: str
    style: str
    points: Sequence[tuple[float, float | None]]


def plot(title: str, unit: str, lines: Sequence[Line], marks: Sequence[Mark], *, until: float, seconds: float) -> str:
    """The lines over the `seconds` before `until`, as an `<svg>` with a title and a description for screen readers."""
    raise NotImplementedError
