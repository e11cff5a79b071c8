"""Orders to the ACTIVE instance: pause, resume, step down. They stand in the database, so a new leader obeys them too.

The leader hears of an order with its next heartbeat, in under a second. Who orders can wait until it is obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass

from svc.actions.record import Operator
from svc.storage.database import Database
from svc.storage.orders import PauseScope


class CannotBeDone(Exception):
    """What was ordered makes no sense now; the message is one line for whoever ordered it."""


@dataclass(frozen=True)
class SteppedDown:
    """Who has given the lead to whom; `seconds` is from the order until the other was ACTIVE."""

    former: str
    successor: str
    epoch: int
    seconds: float


async def pause(database: Database, bot_id: int, operator: Operator, scope: PauseScope, name: str, reason: str) -> None:
    """Pause all sending (`name` is empty), or the creates of one provider or one model. Pausing what is paused replaces
    the reason. Raises CannotBeDone where `name` does not go with `scope`, DatabaseUnavailable.
    """
    raise NotImplementedError


async def resume(database: Database, bot_id: int, operator: Operator, scope: PauseScope, name: str) -> bool:
    """End such a pause; False if there was none."""
    raise NotImplementedError


async def step_down(database: Database, bot_id: int, operator: Operator, *, within: float = 10.0) -> SteppedDown:
    """Have the ACTIVE instance give the lead to another one, and wait until that one is ACTIVE.

    Raises CannotBeDone if nobody is ACTIVE, if no other instance is PASSIVE and alive (then nothing changes), or if it
    has not come about `within` so many seconds (then the order is taken back).
    """
    raise NotImplementedError


async def obeyed(database: Database, bot_id: int, *, paused: bool, within: float = 5.0) -> str | None:
    """Wait until the ACTIVE instance has said that it sends nothing any more (`paused`), or that it sends again.

    Its label, or None if none has within so many seconds: nobody is ACTIVE, or it is stuck.
    """
    raise NotImplementedError
