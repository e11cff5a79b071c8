"""What is measured, between whom, how often and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.process import Checkout

OURS, INTAKE, OTHER = "ours", "ours+intake", "other"
PEERS = ("aiogram", "aiogram-uvloop", "ptb", "grammy")
SIDES = (OURS, INTAKE, *PEERS)
THROUGHPUT_FIGURES = ("acks", "menus", "open")
TAKEOVER_FIGURES = ("handover", "kill", "stop", "failover", "cold")
FIGURES = THROUGHPUT_FIGURES + TAKEOVER_FIGURES


@dataclass(frozen=True)
class Plan:
    """What is run. `sides` are columns of the tables: some of SIDES or, with `against`, "ours" and "other".

    `warm_up`, `window` and `open_seconds` are seconds of one throughput figure. `trials` is how often each takeover
    is done for each side, None for as often as takeover.py says; `quick` takes the lower of its numbers.
    """

    sides: tuple[str, ...]
    figures: tuple[str, ...]
    rounds: int
    warm_up: float
    window: float
    open_seconds: float
    trials: int | None
    quick: bool
    workers: int
    log_level: str
    against: Checkout | None

    @property
    def throughputs(self) -> tuple[str, ...]:
        """The figures that are measured under load, in rounds."""
        return tuple(name for name in THROUGHPUT_FIGURES if name in self.figures)

    @property
    def takeovers(self) -> tuple[str, ...]:
        """The figures that are measured as single times, in trials. The peers have none."""
        return tuple(name for name in TAKEOVER_FIGURES if name in self.figures and self.takeover_sides)

    @property
    def takeover_sides(self) -> tuple[str, ...]:
        """The sides that can be taken over."""
        return tuple(side for side in self.sides if side in (OURS, OTHER))
