"""Which of the dead updates an operator means: these ids, or all that fit. What is done to them is done in batches of
which each is one statement: stopped at any point, every update is either as it was or done with, and the next try goes
on with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from svc.storage.database import Database, column

BATCH = 1000
# Payloads are moved: a statement with more of them would not be done by its deadline.
BATCH_BYTES = 8 * 1024 * 1024
# Of the ids that an operator has named, how many are recorded.
IDS_RECORDED = 100


@dataclass(frozen=True, slots=True)
class Selection:
    """Dead updates that fit everything given here; None: whatever it is.

    `reason` is contained in their reason, upper and lower case being the same. The ages, in seconds, count from when an
    update was first received.
    """

    reason: str | None = None
    older_than: float | None = None
    younger_than: float | None = None

    def as_detail(self) -> dict[str, Any]:
        """What is recorded of it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(slots=True)
class Tally:
    """How many dead updates were looked at, and how many of them were chosen, by their reason."""

    looked_at: int = 0
    chosen: Counter[str] = field(default_factory=Counter)


async def each_batch(
    database: Database, bot_id: int, sql: str, selection: Selection, tally: Tally, tell: Callable[[], None]
) -> None:
    """Run `sql`, one of dead_sql, over all that `selection` fits. `tell` is called every batch, `tally` counts as it
    goes.
    """
    after = -(2**63)
    limits = (BATCH, BATCH_BYTES)
    which = (selection.reason, selection.older_than, selection.younger_than)
    while rows := await database.fetch(sql, bot_id, after, *limits, *which):
        for row in rows:
            tally.looked_at += row["updates"]
            if row["chosen"]:
                tally.chosen[row["reason"]] += row["updates"]
        after = max(column(rows, "last"))
        tell()


async def by_ids(database: Database, bot_id: int, sql: str, update_ids: Sequence[int]) -> dict[int, bool]:
    """Run `sql`, one of dead_sql, over these ids; False for those that are not dead."""
    found: set[int] = set()
    for first in range(0, len(update_ids), BATCH):
        batch = list(update_ids[first : first + BATCH])
        found |= set(column(await database.fetch(sql, bot_id, batch), "update_id"))
    return {update_id: update_id in found for update_id in update_ids}


def ids_as_detail(update_ids: Sequence[int]) -> dict[str, Any]:
    """What is recorded of the ids that were named."""
    return {"update_ids": list(update_ids[:IDS_RECORDED]), "named": len(update_ids)}


def updates_text(how: str, count: int) -> str:
    """ "replayed 3 updates", for the record."""
    return f"{how} {count} update{'' if count == 1 else 's'}"
