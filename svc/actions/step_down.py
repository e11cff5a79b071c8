"""Stepping down: the ACTIVE instance gives the lead to another one, in order, and lives on.

The order names a term. The leader hears of it at once, or else with its next heartbeat, in under a second, and obeys if
it knows of another instance that can take over (svc/leadership/stepping_down.py). It stands until the term has ended,
or is taken back by whoever gave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import trio

from svc.actions.record import Operator, recorded
from svc.storage.database import Database
from svc.storage.errors import DatabaseBusy, DatabaseUnavailable
from svc.storage.instances import ALIVE_FOR
from svc.storage.keys import NEW_WORK_CHANNEL, orders_payload

LOOK_EVERY = 0.05
# Who has just won the lead says so with its next heartbeat, a moment later: the menus come first.
LEADER_SAYS_SO = 2.0
TAKE_BACK_DEADLINE = 2.0

NOBODY_ACTIVE = "no instance is ACTIVE"
NOBODY_ELSE = "no other instance is PASSIVE, alive, and as far as it knows able to reach Telegram"

# $2 is who orders it, $3 for how long an instance that is silent counts as alive, $4 and $5 the channel and what is
# said on it. Nothing changes where there is nobody to step down, or nobody to take over.
ORDER = """
WITH leader AS (
    SELECT l.epoch, l.instance_id FROM leadership l JOIN instances i ON i.bot_id = l.bot_id AND l.epoch = ANY (i.epochs)
    WHERE l.bot_id = $1 AND i.state = 'ACTIVE' AND i.seen_at > now() - make_interval(secs => $3)
    LIMIT 1
), heirs AS (
    SELECT FROM instances
    WHERE bot_id = $1 AND state = 'PASSIVE' AND seen_at > now() - make_interval(secs => $3) AND reaches IS NOT FALSE
), ordered AS (
    UPDATE leadership l SET step_down_epoch = l.epoch, step_down_by = $2 FROM leader
    WHERE l.bot_id = $1 AND l.epoch = leader.epoch AND EXISTS (SELECT FROM heirs)
    RETURNING l.epoch
)
SELECT leader.epoch, leader.instance_id, EXISTS (SELECT FROM heirs) AS has_heir, ordered.epoch IS NOT NULL AS ordered,
       now() AS at, CASE WHEN ordered.epoch IS NOT NULL THEN pg_notify($4, $5)::text END
FROM leader LEFT JOIN ordered ON true
"""
# $2 is the term that was to end, $3 when that was ordered.
SUCCESSOR = """
SELECT epoch, instance_id, extract(epoch FROM acquired_at - $3)::float8 AS seconds
FROM leadership WHERE bot_id = $1 AND epoch > $2
"""
TAKE_BACK = """
UPDATE leadership SET step_down_epoch = NULL, step_down_by = NULL WHERE bot_id = $1 AND step_down_epoch = $2
"""


class CannotBeDone(Exception):
    """What was ordered makes no sense now; the message is one line for whoever ordered it."""


@dataclass(frozen=True)
class SteppedDown:
    """Who has given the lead to whom; `epoch` is the successor's, `seconds` from the order until it had the lead."""

    former: str
    successor: str
    epoch: int
    seconds: float


@dataclass(frozen=True)
class _Order:
    """What was ordered when."""

    former: str
    epoch: int
    at: datetime


async def step_down(database: Database, bot_id: int, operator: Operator, *, within: float = 10.0) -> SteppedDown:
    """Have the ACTIVE instance give the lead to another one, and wait until that one is ACTIVE.

    Raises CannotBeDone if nobody is ACTIVE, if no other instance is PASSIVE and alive (then nothing changes), or if it
    has not come about `within` so many seconds (then the order is taken back).
    """
    async with recorded(database, bot_id, operator, "step_down", {}) as outcome:
        given_up = trio.current_time() + within
        order = await _give(database, bot_id, operator, given_up)
        outcome.detail["epoch"] = order.epoch
        try:
            done = await _wait(database, bot_id, order, given_up)
        finally:
            await _take_back(database, bot_id, order)  # noqa: ASYNC102 (shields itself, with a deadline)
        done = done or await _handed_over(database, bot_id, order)
        if done is None:
            raise CannotBeDone(f"{order.former} has not stepped down within {within:.0f} s; the order is taken back")
        if done.successor == done.former:
            raise CannotBeDone(f"{done.former} has stepped down, and leads again: nobody else was quick enough")
        outcome.text = f"from {done.former} to {done.successor} in {done.seconds:.2f} s"
    return done


def announced(bot_id: int) -> tuple[str, str]:
    """The channel on which instances are told that there is an order, and what is said there."""
    return NEW_WORK_CHANNEL, orders_payload(bot_id)


async def _give(database: Database, bot_id: int, operator: Operator, until: float) -> _Order:
    """Give the order. Where the leader holds the row of its term just then, or has not said yet that it leads, try
    again.
    """
    unsaid = trio.current_time() + LEADER_SAYS_SO
    while True:
        try:
            rows = await database.fetch(ORDER, bot_id, operator.label, ALIVE_FOR, *announced(bot_id))
        except DatabaseBusy:
            if trio.current_time() >= until:
                raise
            await trio.sleep(LOOK_EVERY)
            continue
        if not rows:
            if trio.current_time() >= min(unsaid, until):
                raise CannotBeDone(NOBODY_ACTIVE)
            await trio.sleep(LOOK_EVERY)
            continue
        (row,) = rows
        if not row["has_heir"]:
            raise CannotBeDone(NOBODY_ELSE)
        if not row["ordered"]:
            raise CannotBeDone(f"{row['instance_id']} leads no more; look again")
        return _Order(row["instance_id"], row["epoch"], row["at"])


async def _wait(database: Database, bot_id: int, order: _Order, until: float) -> SteppedDown | None:
    while trio.current_time() < until:
        try:
            if (done := await _handed_over(database, bot_id, order)) is not None:
                return done
        except DatabaseUnavailable:
            pass  # the order stands, and may be obeyed all the same: look again
        await trio.sleep(LOOK_EVERY)
    return None


async def _handed_over(database: Database, bot_id: int, order: _Order) -> SteppedDown | None:
    rows = await database.fetch(SUCCESSOR, bot_id, order.epoch, order.at)
    if not rows:
        return None
    return SteppedDown(order.former, rows[0]["instance_id"], rows[0]["epoch"], rows[0]["seconds"])


async def _take_back(database: Database, bot_id: int, order: _Order) -> None:
    """Also where whoever waits is stopped. One that cannot be taken back ends with the term that it names."""
    with trio.move_on_after(TAKE_BACK_DEADLINE, shield=True):
        while True:
            try:
                await database.fetch(TAKE_BACK, bot_id, order.epoch)
            except DatabaseUnavailable:
                await trio.sleep(LOOK_EVERY)
            else:
                return
