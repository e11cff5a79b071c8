"""What a step of the tour is, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.views import FigureView

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


class StepFailed(Exception):
    """The step cannot begin, or not go on; the message says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `run` raises StepFailed, Refused where something that it does to the system cannot be done, and
    trio.TooSlowError or Ended where something that it waits for does not come.

    `own_bot`: it is a conversation with this project's bot, and makes no sense with another.
    """

    name: str
    title: str
    text: str
    run: Callable[[System, Say], Awaitable[Outcome]]
    own_bot: bool = False


def in_ms(label: str, seconds: float) -> FigureView:
    """A figure that is a time."""
    return FigureView(label, round(seconds * 1000, 3), "ms")


def count_of(label: str, number: int, unit: str = "") -> FigureView:
    """A figure that is a number of something."""
    return FigureView(label, number, unit)
