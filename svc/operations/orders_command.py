"""`svc pause`, `svc resume` and `svc step-down`: each gives its order, waits until it is obeyed, and says so in a line.

The order stands also where it is not obeyed in time: whoever becomes ACTIVE obeys it.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from svc.actions import orders
from svc.actions.orders import CannotBeDone
from svc.actions.record import Operator
from svc.operations.inspect import with_schema
from svc.operations.printing.document import line
from svc.operations.printing.durations import duration_text
from svc.operations.printing.output import answer
from svc.reports.jobs import makers, not_seen
from svc.settings.environment import Settings
from svc.storage.database import Database
from svc.storage.orders import PauseScope


@dataclass(frozen=True)
class Target:
    """What is paused or resumed: all sending (`name` is empty), or creating by one provider or with one model."""

    scope: PauseScope = "sending"
    name: str = ""

    def __str__(self) -> str:
        return "sending" if self.scope == "sending" else f"creating with {self.scope} {self.name}"


async def pause(settings: Settings, operator: Operator, target: Target, *, reason: str, as_json: bool) -> bool:
    """Pause it; False where it cannot be, or no ACTIVE instance has said in time that it has stopped sending."""

    async def work(database: Database) -> bool:
        await _warn_of_a_slip(settings, database, target)
        await orders.pause(database, settings.bot_id, operator, target.scope, target.name, reason)
        obeyed_by = await _obeyed(settings, database, target, paused=True)
        if obeyed_by is None:
            return _not_obeyed(f"{target} is to be paused, but no ACTIVE instance has said that it stopped")
        stopped = f"; {obeyed_by} has stopped, and updates are stored until svc resume" if obeyed_by else ""
        data = {"paused": asdict(target), "reason": reason, "obeyed_by": obeyed_by or None}
        answer(data, lambda _: [line(f"{target} is paused{stopped}")], as_json=as_json, hide=settings.hide)
        return True

    return await _ordered(settings, work)


async def resume(settings: Settings, operator: Operator, target: Target, *, as_json: bool) -> bool:
    """End such a pause; False if there was none, or no ACTIVE instance has said in time that it sends again."""

    async def work(database: Database) -> bool:
        if not await orders.resume(database, settings.bot_id, operator, target.scope, target.name):
            print(f"svc: {target} was not paused by an operator", file=sys.stderr)
            return False
        obeyed_by = await _obeyed(settings, database, target, paused=False)
        if obeyed_by is None:
            return _not_obeyed(f"{target} is no longer paused, but no ACTIVE instance has said that it goes on")
        goes_on = f"; {obeyed_by} sends again" if obeyed_by else ""
        data = {"resumed": asdict(target), "obeyed_by": obeyed_by or None}
        answer(data, lambda _: [line(f"{target} is resumed{goes_on}")], as_json=as_json, hide=settings.hide)
        return True

    return await _ordered(settings, work)


async def step_down(settings: Settings, operator: Operator, *, as_json: bool) -> bool:
    """Have the ACTIVE instance give the lead to another one; False where that cannot be, or has not come about."""

    async def work(database: Database) -> bool:
        done = await orders.step_down(database, settings.bot_id, operator)
        text = (
            f"{done.former} has given up the lead; {done.successor} is ACTIVE in epoch {done.epoch},"
            f" {duration_text(done.seconds)} after the order"
        )
        answer(asdict(done), lambda _: [line(text)], as_json=as_json, hide=settings.hide)
        return True

    return await _ordered(settings, work)


async def _ordered(settings: Settings, work: Callable[[Database], Awaitable[bool]]) -> bool:
    try:
        return await with_schema(settings, work)
    except CannotBeDone as error:
        print(f"svc: {error}", file=sys.stderr)
        return False


async def _warn_of_a_slip(settings: Settings, database: Database, target: Target) -> None:
    """Say so where nothing is known by that name. It is paused all the same: it may be new."""
    if target.scope == "sending":
        return
    if slip := not_seen(await makers(database, settings.bot_id), target.scope, target.name):
        print(f"svc: {slip}", file=sys.stderr)


async def _obeyed(settings: Settings, database: Database, target: Target, *, paused: bool) -> str | None:
    """Who has said so: empty where nobody has to, since it is heard of with the next heartbeat."""
    if target.scope != "sending":
        return ""
    return await orders.obeyed(database, settings.bot_id, paused=paused)


def _not_obeyed(what: str) -> bool:
    print(f"svc: {what}: svc status tells why; whoever becomes ACTIVE obeys", file=sys.stderr)
    return False
