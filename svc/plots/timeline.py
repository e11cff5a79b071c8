"""Who was ACTIVE when, as SVG: a lane for each instance, its terms as bars, and the gaps between them, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A term on the timeline, in Unix time. `end` None: it goes on. `gap`: seconds for which nobody led before."""

    instance: str
    epoch: int | None
    start: float
    end: float | None
    began_by: str
    ended_by: str
    gap: float | None


def timeline(terms: Sequence[Term], *, until: float, seconds: float) -> str:
    """The terms over the `seconds` before `until`, as an `<svg>` with a title and a description for screen readers.

    Each bar and each gap has a `<title>` with what a pointer over it should tell.
    """
    raise NotImplementedError
