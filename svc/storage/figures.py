"""The table figures: what each instance has counted and measured, a row every ten seconds, so that a page that any
of them serves can show all of them, and the last hours too.

A row's JSON, all of it counted in the `seconds` before it was written:

    seconds    how many
    counts     {"accepted", "duplicates", "not_stored", "done", "refused", "ignored", "retried", "dead", "found",
               "in_doubt"}
    answers    the Bot API's, by kind: {"ok", "refused", "not_sent", "flood", "in_doubt"}
    flood      {"pauses": how many 429, "seconds": how long they asked to wait}
    ack, menu  {"le": [upper bounds in seconds], "n": [how many within each, one more than bounds: the rest]}
    readings   of the ACTIVE instance only, as it was then: {"inbox", "oldest_seconds", "dead", "in_doubt",
               "looked_for", "jobs": {provider: {state: how many}}}
    telegram   of the ACTIVE instance only: {"pending", "last_error", "last_error_at": Unix time or null}

Names that are 0 may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from svc.storage.database import Database

WRITE_EVERY = 10.0
KEPT_FOR = 48 * 3600.0


@dataclass(frozen=True)
class Slot:
    """What all instances together counted from `at` on for `seconds`; `readings` and `telegram` are the latest."""

    at: datetime
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)
    flood_pauses: int = 0
    flood_seconds: float = 0.0
    ack: Mapping[float, int] = field(default_factory=dict)
    """How many were at most so many seconds (a bound, infinity for the rest) and above the bound before."""
    menu: Mapping[float, int] = field(default_factory=dict)
    readings: Mapping[str, Any] | None = None
    telegram: Mapping[str, Any] | None = None


async def write_figures(database: Database, bot_id: int, instance: str, figures: Mapping[str, Any]) -> None:
    """Add one row. Its commit waits for no disk: a crash of the server may lose the last of them."""
    raise NotImplementedError


async def read_slots(database: Database, bot_id: int, *, seconds: float, slot: float) -> Sequence[Slot]:
    """The last `seconds` in slots of `slot` seconds each, the oldest first, without those of which nothing is known."""
    raise NotImplementedError


def percentile(histogram: Mapping[float, int], share: float) -> float | None:
    """The value in seconds below which `share` (0 to 1) of them are, between bounds in proportion; None: of none.

    What is above the last bound is told as that bound.
    """
    raise NotImplementedError
