"""What the buttons of the page do: the table of actions.

Each reads what it needs from what was sent, has it done by svc/actions, which records it, and answers the sentence that
says what was done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from svc.actions import orders
from svc.actions.dead_letters import DISCARD, REPLAY, DeadLetterAction, Selection, Tally
from svc.actions.jobs import cancel_job
from svc.actions.orders import CannotBeDone
from svc.actions.record import Operator
from svc.ops.request_fields import BadRequest, ids, number, selection, text
from svc.reports.jobs import makers, not_seen
from svc.storage.database import Database
from svc.storage.orders import PauseScope

Wanted = Mapping[str, Any]
_SCOPES = ("sending", "provider", "model")


@dataclass(frozen=True)
class Context:
    """Where an action is done, for which bot, and by whom."""

    database: Database
    bot_id: int
    operator: Operator


Action = Callable[[Context, Wanted], Awaitable[str]]


class ChangedMeanwhile(CannotBeDone):
    """So many updates fit by now, and not as many as the operator was told."""

    def __init__(self, fitting: int) -> None:
        super().__init__(f"{_updates(fitting)} fit by now: look again, and confirm that")
        self.fitting = fitting


def action(wanted: Wanted) -> tuple[str, Action]:
    """What `wanted` names as its `action`, and that name; raises BadRequest.

    An action raises BadRequest, CannotBeDone (as ChangedMeanwhile where other updates fit by now), DatabaseUnavailable.
    """
    name = text(wanted, "action")
    if name not in ACTIONS:
        raise BadRequest(f"action must be one of {', '.join(ACTIONS)}")
    return name, ACTIONS[name]


async def _pause(context: Context, wanted: Wanted) -> str:
    scope, name = _paused(wanted)
    slip = "" if scope == "sending" else not_seen(await makers(context.database, context.bot_id), scope, name)
    await orders.pause(context.database, context.bot_id, context.operator, scope, name, text(wanted, "reason"))
    if scope != "sending":
        return f"The {scope} {name} is paused: nothing new is created there.{slip and f' But {slip}'}"
    leader = await orders.obeyed(context.database, context.bot_id, paused=True)
    if leader is None:
        return "Sending is paused. No ACTIVE instance has confirmed it yet; the next one obeys it from its start."
    return f"Sending is paused: {leader} sends nothing any more."


async def _resume(context: Context, wanted: Wanted) -> str:
    scope, name = _paused(wanted)
    what = "Sending" if scope == "sending" else f"The {scope} {name}"
    if not await orders.resume(context.database, context.bot_id, context.operator, scope, name):
        raise CannotBeDone(f"{what} is not paused")
    if scope != "sending":
        return f"{what} goes on."
    leader = await orders.obeyed(context.database, context.bot_id, paused=False)
    return f"{what} goes on: {leader} sends again." if leader else f"{what} goes on with the next ACTIVE instance."


def _paused(wanted: Wanted) -> tuple[PauseScope, str]:
    scope = text(wanted, "scope")
    if scope not in _SCOPES:
        raise BadRequest(f"scope must be one of {', '.join(_SCOPES)}")
    return cast(PauseScope, scope), text(wanted, "name", empty=scope == "sending")


async def _step_down(context: Context, wanted: Wanted) -> str:
    done = await orders.step_down(context.database, context.bot_id, context.operator)
    return f"{done.former} has given the lead to {done.successor} (epoch {done.epoch}), {done.seconds:.1f} s later."


async def _settle(action: DeadLetterAction, context: Context, wanted: Wanted) -> str:
    """Replay or discard."""
    where = context.database, context.bot_id, context.operator
    if "ids" in wanted:
        found = await action.by_ids(*where, ids(wanted))
        return _told(action, sum(found.values()), len(found))
    chosen, tally = await _as_expected(context, wanted), Tally()
    await action.by_selection(*where, chosen, dry_run=False, tally=tally, tell=_nobody)
    return _told(action, tally.chosen.total())


async def _as_expected(context: Context, wanted: Wanted) -> Selection:
    """What is to be chosen, if it is as much as the operator was told; raises ChangedMeanwhile."""
    chosen, expected, tally = selection(wanted), number(wanted, "expected"), Tally()
    await REPLAY.by_selection(
        context.database, context.bot_id, context.operator, chosen, dry_run=True, tally=tally, tell=_nobody
    )
    if tally.chosen.total() != expected:
        raise ChangedMeanwhile(tally.chosen.total())
    return chosen


async def _cancel_job(context: Context, wanted: Wanted) -> str:
    job_id = number(wanted, "job_id")
    if not await cancel_job(context.database, context.bot_id, context.operator, job_id):
        raise CannotBeDone(f"job {job_id} is over, made already, or not known")
    return f"Job {job_id} is cancelled, and its person will be told."


ACTIONS: Mapping[str, Action] = {
    "pause": _pause,
    "resume": _resume,
    "step_down": _step_down,
    "replay": partial(_settle, REPLAY),
    "discard": partial(_settle, DISCARD),
    "cancel_job": _cancel_job,
}
"""What an action's name does."""


def _told(action: DeadLetterAction, updates: int, of: int | None = None) -> str:
    rest = f" The other {of - updates} were not dead any more." if of is not None and of != updates else ""
    return f"{_updates(updates)} {action.done}.{rest}"


def _updates(number: int) -> str:
    return "1 update" if number == 1 else f"{number:,} updates"


def _nobody() -> None:
    """The page is told when all is done."""
