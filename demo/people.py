"""People who press /start, so many a second; each of them again only when they have had their answer."""

from __future__ import annotations

from sandbox.telegram import Telegram

RATES = (1, 20, 200)
"""What the page offers, people a second."""
FIRST = 5_000_001
CROWD = 5_000
"""They have the ids FIRST to FIRST + CROWD - 1."""


class People:
    """The crowd. `rate` is how many press a second, 0 for none."""

    rate: float

    def __init__(self, telegram: Telegram) -> None:
        raise NotImplementedError

    def set_rate(self, rate: float) -> None:
        """From now on so many press a second; 0 stops them. Raises ValueError below 0 or above 500."""
        raise NotImplementedError

    def answered(self, person: int) -> None:
        """This person has their answer, and may press again."""
        raise NotImplementedError

    async def run(self) -> None:
        """Let them press, until cancelled."""
        raise NotImplementedError
