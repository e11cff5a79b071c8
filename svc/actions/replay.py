"""Replay: dead updates go back into the inbox, and whoever leads is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from svc.actions.dead_letters import Selection, Tally, by_ids, each_batch, ids_as_detail, updates_text
from svc.actions.dead_sql import FIND, FIND_IDS, REPLAY, REPLAY_IDS
from svc.actions.record import Operator, recorded
from svc.storage.database import Database
from svc.storage.keys import NEW_WORK_CHANNEL

__all__ = ["Selection", "Tally", "replay_ids", "replay_selected"]


async def replay_selected(
    database: Database,
    bot_id: int,
    operator: Operator,
    selection: Selection,
    *,
    dry_run: bool,
    tally: Tally,
    tell: Callable[[], None],
) -> None:
    """Replay what `selection` fits (`dry_run`: only count it) and tell whoever leads. `tell` is called every batch.

    `tally` counts as it goes, so that it is known also after a DatabaseUnavailable.
    """
    if dry_run:
        await each_batch(database, bot_id, FIND, selection, tally, tell)
        return
    async with recorded(database, bot_id, operator, "replay", selection.as_detail()) as outcome:
        try:
            await each_batch(database, bot_id, REPLAY, selection, tally, tell)
        finally:
            outcome.detail["replayed"] = tally.chosen.total()
        if tally.chosen:
            await _tell_the_leader(database, bot_id)
        outcome.text = updates_text("replayed", tally.chosen.total())


async def replay_ids(
    database: Database, bot_id: int, operator: Operator, update_ids: Sequence[int], *, dry_run: bool = False
) -> dict[int, bool]:
    """Replay these (`dry_run`: only look) and tell whoever leads; False for those that are not dead."""
    if dry_run:
        return await by_ids(database, bot_id, FIND_IDS, update_ids)
    async with recorded(database, bot_id, operator, "replay", ids_as_detail(update_ids)) as outcome:
        found = await by_ids(database, bot_id, REPLAY_IDS, update_ids)
        if any(found.values()):
            await _tell_the_leader(database, bot_id)
        outcome.text = updates_text("replayed", sum(found.values()))
    return found


async def _tell_the_leader(database: Database, bot_id: int) -> None:
    # Once, and without ids: that there is something new, and not what.
    await database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, str(bot_id))
