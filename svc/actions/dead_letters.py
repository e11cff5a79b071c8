"""What an operator can do to dead updates, to some by their ids or to all that fit: REPLAY puts them back into the
inbox, DISCARD gives them up for good.

It is done in batches of which each is one statement: stopped at any point, every update is either as it was or done
with, and the next try goes on with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from svc.actions import dead_sql
from svc.actions.record import Operator, recorded
from svc.storage.database import Database, column
from svc.storage.keys import NEW_WORK_CHANNEL

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


@dataclass(frozen=True)
class DeadLetterAction:
    """What can be done to dead updates; who did it is recorded. With `dry_run` it is only counted, and not recorded."""

    name: Literal["replay", "discard"]
    done: Literal["replayed", "discarded"]
    sql: str
    """For a batch of those that a selection fits."""
    sql_ids: str
    """For ids."""
    makes_work: bool = False
    """Whether the ACTIVE instance is told that there is something new in the inbox."""
    consequence: str = ""
    """What whoever does it should agree to first; empty where there is nothing to be afraid of."""

    async def by_ids(
        self, database: Database, bot_id: int, operator: Operator, update_ids: Sequence[int], *, dry_run: bool = False
    ) -> dict[int, bool]:
        """Do it to these; False for those that are not dead."""
        if dry_run:
            return await _each_id(database, bot_id, dead_sql.FIND_IDS, update_ids)
        detail = {"update_ids": list(update_ids[:IDS_RECORDED]), "named": len(update_ids)}
        async with recorded(database, bot_id, operator, self.name, detail) as outcome:
            found = await _each_id(database, bot_id, self.sql_ids, update_ids)
            outcome.text = await self._end(database, bot_id, sum(found.values()))
        return found

    async def by_selection(
        self,
        database: Database,
        bot_id: int,
        operator: Operator,
        selection: Selection,
        *,
        dry_run: bool,
        tally: Tally,
        tell: Callable[[], None],
    ) -> None:
        """Do it to all that `selection` fits. `tell` is called every batch.

        `tally` counts as it goes, so that it is known also after a DatabaseUnavailable.
        """
        if dry_run:
            await _each_batch(database, bot_id, dead_sql.FIND, selection, tally, tell)
            return
        async with recorded(database, bot_id, operator, self.name, selection.as_detail()) as outcome:
            try:
                await _each_batch(database, bot_id, self.sql, selection, tally, tell)
            finally:
                outcome.detail[self.done] = tally.chosen.total()
            outcome.text = await self._end(database, bot_id, tally.chosen.total())

    async def _end(self, database: Database, bot_id: int, count: int) -> str:
        """What is recorded as the outcome."""
        if self.makes_work and count:
            # Once, and without ids: that there is something new, and not what.
            await database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, str(bot_id))
        return f"{self.done} {count} update{'' if count == 1 else 's'}"


REPLAY = DeadLetterAction("replay", "replayed", dead_sql.REPLAY, dead_sql.REPLAY_IDS, makes_work=True)
DISCARD = DeadLetterAction(
    "discard",
    "discarded",
    dead_sql.DISCARD,
    dead_sql.DISCARD_IDS,
    consequence="Whoever wrote them will get no answer, and what they wrote is deleted. This cannot be undone.",
)
"""Their payloads are deleted; that they were processed stays known, as `discarded`, for as long as of any other."""


async def _each_batch(
    database: Database, bot_id: int, sql: str, selection: Selection, tally: Tally, tell: Callable[[], None]
) -> None:
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


async def _each_id(database: Database, bot_id: int, sql: str, update_ids: Sequence[int]) -> dict[int, bool]:
    found: set[int] = set()
    for first in range(0, len(update_ids), BATCH):
        batch = list(update_ids[first : first + BATCH])
        found |= set(column(await database.fetch(sql, bot_id, batch), "update_id"))
    return {update_id: update_id in found for update_id in update_ids}
