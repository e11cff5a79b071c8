"""Pausing and resuming: orders that stand in the database, so a new leader obeys them too.

The leader hears of a pause of all sending at once, or else with its next heartbeat, in under a second; who orders can
wait until it is obeyed. A pause of a provider or a model is obeyed from the moment at which it is written: the
statements that claim jobs and begin creates read it themselves. (Stepping down is step_down.py's.)
"""

from __future__ import annotations

import trio

from svc.actions.record import LONGEST_NAME, Operator, recorded
from svc.actions.step_down import CannotBeDone, SteppedDown, announced, step_down
from svc.storage.database import Database
from svc.storage.errors import DatabaseUnavailable
from svc.storage.instances import ALIVE_FOR
from svc.storage.orders import PauseScope
from svc.storage.storable import storable

__all__ = ["CannotBeDone", "SteppedDown", "obeyed", "pause", "resume", "step_down"]

LOOK_EVERY = 0.1

# Instances are told by the last two arguments, a channel and what is said on it, once the order is committed.
PAUSE = """
WITH paused AS (
    INSERT INTO pauses AS p (bot_id, scope, name, reason, paused_by) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (bot_id, scope, name) DO UPDATE SET reason = excluded.reason, paused_by = excluded.paused_by
    RETURNING 1
)
SELECT pg_notify($6, $7) FROM paused
"""
RESUME = """
WITH resumed AS (DELETE FROM pauses WHERE bot_id = $1 AND scope = $2 AND name = $3 RETURNING 1)
SELECT pg_notify($4, $5) FROM resumed
"""
# A leader of a release that knows no orders clears the reason when its term begins, and leaves the name.
OBEYED = """
SELECT l.instance_id
FROM leadership l JOIN instances i ON i.bot_id = l.bot_id AND l.epoch = ANY (i.epochs)
WHERE l.bot_id = $1 AND (l.paused_by IS NOT NULL AND l.paused_reason IS NOT NULL) = $2
  AND i.state = 'ACTIVE' AND i.seen_at > now() - make_interval(secs => $3)
LIMIT 1
"""


async def pause(database: Database, bot_id: int, operator: Operator, scope: PauseScope, name: str, reason: str) -> None:
    """Pause all sending (`name` is empty), or the creates of one provider or one model. Pausing what is paused replaces
    the reason. Raises CannotBeDone where `name` does not go with `scope`, DatabaseUnavailable.
    """
    name, reason = _name_in(scope, name), storable(" ".join(reason.split()))
    detail = {"scope": scope, "name": name, "reason": reason}
    async with recorded(database, bot_id, operator, "pause", detail) as outcome:
        await database.fetch(PAUSE, bot_id, scope, name, reason, operator.label, *announced(bot_id))
        outcome.text = "paused"


async def resume(database: Database, bot_id: int, operator: Operator, scope: PauseScope, name: str) -> bool:
    """End such a pause; False if there was none. Raises as `pause` does."""
    name = _name_in(scope, name)
    async with recorded(database, bot_id, operator, "resume", {"scope": scope, "name": name}) as outcome:
        was_paused = bool(await database.fetch(RESUME, bot_id, scope, name, *announced(bot_id)))
        outcome.text = "resumed" if was_paused else "it was not paused"
    return was_paused


async def obeyed(database: Database, bot_id: int, *, paused: bool, within: float = 5.0) -> str | None:
    """Wait until the ACTIVE instance has said that it begins no send any more (`paused`), or that it sends again.

    Its label, or None if none has within so many seconds: nobody is ACTIVE, or it is stuck, or the database is away.
    """
    with trio.move_on_after(within):
        while True:
            try:
                rows = await database.fetch(OBEYED, bot_id, paused, ALIVE_FOR)
            except DatabaseUnavailable:
                rows = []
            if rows:
                return str(rows[0]["instance_id"])
            await trio.sleep(LOOK_EVERY)
    return None


def _name_in(scope: PauseScope, name: str) -> str:
    name = storable(name.strip())
    if scope == "sending" and name:
        raise CannotBeDone("all sending is paused, or one provider or model by its name")
    if scope != "sending" and not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise CannotBeDone(f"the name of the {scope} is needed, of {LONGEST_NAME} printable characters at most")
    return name
