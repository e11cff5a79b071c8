"""Faults that hit a share of the Bot API's calls, drawn for each call by itself, for as long as they are in force."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sandbox.faults import Faults

# All of these are over before a send in doubt is looked for a second time: what is carried out later than that comes
# twice, and nobody can know beforehand.
SETTINGS: dict[str, dict[str, Any]] = {
    "flood": {"retry_after": 1},
    "error": {"status": 500},
    "error_after": {"status": 504, "description": "Gateway Timeout"},
    "slow": {"delay": 1.2},
    "slow_after": {"delay": 1.5},
    "late": {"delay": 0.7},
}


class CallFaults:
    """Orders a fault of the sandbox for some of the calls to a chat. `shares` (0 to 1) are those in force, by kind."""

    def __init__(self, faults: Faults, rng: random.Random) -> None:
        self.shares: list[tuple[str, float]] = []
        self._faults = faults
        self._rng = rng

    @contextmanager
    def in_force(self, shares: Mapping[str, float]) -> Iterator[None]:
        """Let these faults happen for as long as the block lasts, besides others."""
        entries = list(shares.items())
        self.shares += entries
        try:
            yield
        finally:
            for entry in entries:
                self.shares.remove(entry)

    def before_call(self, method: str, chat_id: int | None) -> None:
        """Decide about one call, which the sandbox performs next. Calls that name no chat go well."""
        if chat_id is None:
            return
        if kind := drawn(self.shares, self._rng.random()):
            self._faults.order(kind, method=method, chat_id=chat_id, **SETTINGS.get(kind, {}))


def drawn(shares: list[tuple[str, float]], number: float) -> str | None:
    """The kind that `number` (0 to 1) falls to, each having its share in turn; None for what is left over."""
    for kind, share in shares:
        if number < share:
            return kind
        number -= share
    return None
