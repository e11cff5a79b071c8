"""Discarding: dead updates are given up for good. Their payloads are deleted; that they were processed stays known, as
`discarded`, for as long as of any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from svc.actions.dead_letters import Selection, Tally, by_ids, each_batch, ids_as_detail, updates_text
from svc.actions.dead_sql import DISCARD, DISCARD_IDS, FIND, FIND_IDS
from svc.actions.record import Operator, recorded
from svc.storage.database import Database


async def discard_ids(
    database: Database, bot_id: int, operator: Operator, update_ids: Sequence[int], *, dry_run: bool = False
) -> dict[int, bool]:
    """Discard these (`dry_run`: only look); False for those that are not dead."""
    if dry_run:
        return await by_ids(database, bot_id, FIND_IDS, update_ids)
    async with recorded(database, bot_id, operator, "discard", ids_as_detail(update_ids)) as outcome:
        found = await by_ids(database, bot_id, DISCARD_IDS, update_ids)
        outcome.text = updates_text("discarded", sum(found.values()))
    return found


async def discard_selected(
    database: Database,
    bot_id: int,
    operator: Operator,
    selection: Selection,
    *,
    dry_run: bool,
    tally: Tally,
    tell: Callable[[], None],
) -> None:
    """Discard what `selection` fits (`dry_run`: only count it), in batches. As `svc.actions.replay.replay_selected`."""
    if dry_run:
        await each_batch(database, bot_id, FIND, selection, tally, tell)
        return
    async with recorded(database, bot_id, operator, "discard", selection.as_detail()) as outcome:
        try:
            await each_batch(database, bot_id, DISCARD, selection, tally, tell)
        finally:
            outcome.detail["discarded"] = tally.chosen.total()
        outcome.text = updates_text("discarded", tally.chosen.total())
