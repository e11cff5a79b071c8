"""Discarding: dead updates are given up for good. Their payloads are deleted; that they were processed stays known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from svc.actions.record import Operator
from svc.actions.replay import Selection, Tally
from svc.storage.database import Database


async def discard_ids(
    database: Database, bot_id: int, operator: Operator, update_ids: Sequence[int], *, dry_run: bool = False
) -> dict[int, bool]:
    """Discard these (`dry_run`: only look); False for those that are not dead."""
    raise NotImplementedError


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
    raise NotImplementedError
