"""`svc updates replay`: asks for the replay, shows how far it is, prints what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import trio

from svc.actions.record import operator_here
from svc.actions.replay import Selection, Tally, replay_ids, replay_selected
from svc.operations.inspect import with_schema
from svc.operations.inspect_text import json_text, replayed_text
from svc.settings.environment import Settings
from svc.storage.database import Database, DatabaseUnavailable

# In seconds.
TELL_EVERY = 2.0


async def replay_updates(
    settings: Settings, *, update_ids: Sequence[int], as_json: bool, dry_run: bool = False
) -> bool:
    """Put these dead updates back into the inbox; False if one of them is not dead."""

    async def answer(database: Database) -> bool:
        dead = await replay_ids(database, settings.bot_id, operator_here(), update_ids, dry_run=dry_run)
        words = {True: "would be replayed" if dry_run else "replayed", False: "is not dead"}
        print(json_text(dead) if as_json else "\n".join(f"{key} {words[found]}" for key, found in dead.items()))
        return all(dead.values())

    return await with_schema(settings, answer)


async def replay_selection(settings: Settings, *, selection: Selection, as_json: bool, dry_run: bool) -> bool:
    """Put the dead updates that `selection` fits back into the inbox, however many."""

    async def answer(database: Database) -> bool:
        tally = Tally()
        tell = _telling(tally)
        try:
            await replay_selected(
                database, settings.bot_id, operator_here(), selection, dry_run=dry_run, tally=tally, tell=tell
            )
        except DatabaseUnavailable:
            print(f"svc: stopped: {_so_far(tally)}; the same command goes on with the rest", file=sys.stderr)
            raise
        text = json_text(_as_dict(tally, dry_run)) if as_json else replayed_text(tally, dry_run=dry_run)
        print(settings.hide(text))
        return True

    return await with_schema(settings, answer)


def _telling(tally: Tally) -> Callable[[], None]:
    """To be called after every batch: says every few seconds how far it is, where it takes that long."""
    told = trio.current_time()

    def tell() -> None:
        nonlocal told
        if trio.current_time() >= told + TELL_EVERY:
            told = trio.current_time()
            print(f"svc: {_so_far(tally)}", file=sys.stderr, flush=True)

    return tell


def _so_far(tally: Tally) -> str:
    return f"{tally.chosen.total()} of {tally.looked_at} dead updates so far"


def _as_dict(tally: Tally, dry_run: bool) -> dict[str, Any]:
    reasons = [{"reason": reason, "updates": updates} for reason, updates in tally.chosen.most_common()]
    number = "would_replay" if dry_run else "replayed"
    return {"dead": tally.looked_at, number: tally.chosen.total(), "reasons": reasons}
