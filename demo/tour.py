"""The tour: five things to see. Each does something to the system, watches it, and ends with what was measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.views import FigureView, StepView

if TYPE_CHECKING:
    from demo.system import System

Say = Callable[[str], None]
"""Told what goes on, in a few words."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: whether all promises were kept, a sentence, and the figures behind it."""

    kept: bool
    sentence: str
    figures: tuple[FigureView, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `run` raises trio.TooSlowError where something that it waits for does not come."""

    name: str
    title: str
    text: str
    run: Callable[[System, Say], Awaitable[Outcome]]


STEPS: tuple[Step, ...] = ()
"""start, deploy, crash, freeze, picture."""


class Tour:
    """Which steps were gone, which one is under way, and what came of them. One runs at a time."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def go(self, name: str) -> Outcome:
        """Run one step. Raises LookupError for an unknown name, Busy while another runs."""
        raise NotImplementedError

    def views(self) -> tuple[StepView, ...]:
        """The steps as the page shows them."""
        raise NotImplementedError


class Busy(Exception):
    """Another step is under way."""
