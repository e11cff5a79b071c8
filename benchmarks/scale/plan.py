"""How many rows, how long, and which scenes."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.process import Checkout

SCENES = ("backlog", "one_chat", "pruning")

PROCESSED = 10_000_000
PENDING = (1_000_000, 2_500_000, 5_000_000)
PENDING_CHATS = 200_000
ONE_CHAT = 250_000
EXPIRED = 10_000_000

# What the rows of the largest scene take on disk with their indexes and the log of writes (10 million processed updates
# and 5 million pending ones), by what a tenth of them took.
DISK_BYTES = 12e9


@dataclass(frozen=True)
class Plan:
    """What is run. `sides` are the columns of the table by name: "before", if another checkout is measured too, and
    "now".

    Every number of rows is multiplied by `scale`. `window` is how many seconds of a long drain are looked at. With
    `full` pruning is watched to its end instead.
    """

    sides: dict[str, Checkout]
    scenes: tuple[str, ...]
    scale: float
    window: float
    trials: int
    full: bool

    def rows(self, number: int) -> int:
        """So many rows of the whole, at this scale."""
        return max(1, round(number * self.scale))

    @property
    def disk_bytes(self) -> float:
        """How much room the data folder may need."""
        return 2e9 + DISK_BYTES * self.scale
