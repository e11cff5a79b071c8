"""The table figures: what each instance has counted and measured, a row every ten seconds, so that a page that any
of them serves can show all of them, and the last hours too.

A row's JSON, all of it counted in the `seconds` before it was written:

    seconds    how many
    counts     {"accepted", "duplicates", "not_stored", "done", "refused", "ignored", "retried", "dead",
               "in_doubt": doubts that have begun, "found": those of which it was found out whether they had arrived}
    answers    the Bot API's, by kind: {"ok", "refused", "not_sent", "flood", "in_doubt"}
    flood      {"pauses": how many 429, "seconds": how long they asked to wait}
    ack, menu  {"le": [upper bounds in seconds], "n": [how many within each, one more than bounds: the rest]}
    readings   of the ACTIVE instance only, as it was then: {"inbox", "oldest_seconds", "dead", "in_doubt",
               "looked_for", "jobs": {provider: {state: how many}}}
    telegram   of the ACTIVE instance only: {"pending", "last_error", "last_error_at": Unix time or null}

Names that are 0 may be left out, and so may a histogram without entries. A row whose answer was lost may be there
twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from svc.storage import figures_sql
from svc.storage.database import Database
from svc.storage.storable import storable_json

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
    """How many were at most so many seconds (a bound, infinity for the rest) and above the bound before. Bounds between
    which there are none may be missing."""
    menu: Mapping[float, int] = field(default_factory=dict)
    readings: Mapping[str, Any] | None = None
    telegram: Mapping[str, Any] | None = None


class Figures(Protocol):
    """The table, as one instance uses it. Both may raise DatabaseUnavailable."""

    async def write(self, figures: Mapping[str, Any]) -> None:
        """Add one row."""

    async def prune(self, age: float, limit: int) -> int:
        """Forget up to `limit` rows older than `age` seconds; how many."""


class PostgresFigures:
    """`Figures` on a Database, for one instance of one bot."""

    def __init__(self, database: Database, bot_id: int, instance: str) -> None:
        self._database = database
        self._bot_id = bot_id
        self._instance = instance

    async def write(self, figures: Mapping[str, Any]) -> None:
        """Add one row."""
        await write_figures(self._database, self._bot_id, self._instance, figures)

    async def prune(self, age: float, limit: int) -> int:
        """Forget up to `limit` rows older than `age` seconds; how many."""
        return len(await self._database.fetch(figures_sql.PRUNE, self._bot_id, age, limit))


async def write_figures(database: Database, bot_id: int, instance: str, figures: Mapping[str, Any]) -> None:
    """Add one row. Its commit waits for no disk: a crash of the server may lose the last of them."""
    await database.fetch(figures_sql.WRITE, bot_id, instance, storable_json(figures))


async def read_slots(database: Database, bot_id: int, *, seconds: float, slot: float) -> Sequence[Slot]:
    """The last `seconds` in slots of `slot` seconds each, the oldest first, without those of which nothing is known."""
    rows = await database.fetch(figures_sql.SLOTS, bot_id, seconds, slot)
    return [_slot(row, slot) for row in sorted(rows, key=lambda row: row["at"])]


def _slot(row: asyncpg.Record, seconds: float) -> Slot:
    return Slot(
        row["at"],
        seconds,
        counts={name: row[name] for name in figures_sql.COUNTS if row[name]},
        answers={name: row[f"answers_{name}"] for name in figures_sql.ANSWERS if row[f"answers_{name}"]},
        flood_pauses=row["flood_pauses"] or 0,
        flood_seconds=row["flood_seconds"] or 0.0,
        ack=_histogram(row["ack"]),
        menu=_histogram(row["menu"]),
        readings=_latest(row["readings"]),
        telegram=_latest(row["telegram"]),
    )


def _histogram(found: str | None) -> dict[float, int]:
    """How many by bound, with a zero for the bound below where nothing else says so: a percentile lies in between."""
    counts: dict[float, int] = {}
    for below, bound, count in json.loads(found) if found is not None else ():
        if below is not None:
            counts.setdefault(below, 0)
        upper = math.inf if bound is None else bound
        counts[upper] = counts.get(upper, 0) + count
    return dict(sorted(counts.items()))


def _latest(found: str | None) -> Mapping[str, Any] | None:
    return None if found is None else json.loads(found)


def percentile(histogram: Mapping[float, int], share: float) -> float | None:
    """The value in seconds below which `share` (0 to 1) of them are, between bounds in proportion; None: of none.

    What is above the last bound is told as that bound.
    """
    wanted = share * sum(histogram.values())
    if not wanted:
        return None
    lower, passed = 0.0, 0
    for bound, count in sorted(histogram.items()):
        if count and passed + count >= wanted:
            return lower if math.isinf(bound) else lower + (bound - lower) * (wanted - passed) / count
        lower, passed = bound, passed + count
    return lower
