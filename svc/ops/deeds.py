"""What the buttons of the page do: the table of actions.

Each deed reads what it needs from what was sent, has it done by svc/actions, which records it, and answers the sentence
that says what was done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from svc.actions import discard, orders, replay
from svc.actions.jobs import cancel_job
from svc.actions.orders import CannotBeDone
from svc.actions.record import Operator
from svc.actions.replay import Selection, Tally
from svc.ops.wanted import BadRequest, ids, number, selection, text
from svc.reports.jobs import makers, not_seen
from svc.storage.database import Database
from svc.storage.orders import PauseScope

Wanted = Mapping[str, Any]
_SCOPES = ("sending", "provider", "model")


@dataclass(frozen=True)
class Desk:
    """Where deeds are done, for which bot, and by whom."""

    database: Database
    bot_id: int
    operator: Operator


Deed = Callable[[Desk, Wanted], Awaitable[str]]


class ChangedMeanwhile(CannotBeDone):
    """So many updates fit by now, and not as many as the operator was told."""

    def __init__(self, fitting: int) -> None:
        super().__init__(f"{_updates(fitting)} fit by now: look again, and confirm that")
        self.fitting = fitting


async def do(desk: Desk, wanted: Wanted) -> str:
    """Do what `wanted` names as its `action`; returns the sentence that says what was done.

    Raises BadRequest, CannotBeDone (as ChangedMeanwhile where other updates fit by now), DatabaseUnavailable.
    """
    deed = DEEDS.get(text(wanted, "action"))
    if deed is None:
        raise BadRequest(f"action must be one of {', '.join(DEEDS)}")
    return await deed(desk, wanted)


async def _pause(desk: Desk, wanted: Wanted) -> str:
    scope, name = _paused(wanted)
    slip = "" if scope == "sending" else not_seen(await makers(desk.database, desk.bot_id), scope, name)
    await orders.pause(desk.database, desk.bot_id, desk.operator, scope, name, text(wanted, "reason"))
    if scope != "sending":
        return f"The {scope} {name} is paused: nothing new is created there.{slip and f' But {slip}'}"
    leader = await orders.obeyed(desk.database, desk.bot_id, paused=True)
    if leader is None:
        return "Sending is paused. No ACTIVE instance has confirmed it yet; the next one obeys it from its start."
    return f"Sending is paused: {leader} sends nothing any more."


async def _resume(desk: Desk, wanted: Wanted) -> str:
    scope, name = _paused(wanted)
    what = "Sending" if scope == "sending" else f"The {scope} {name}"
    if not await orders.resume(desk.database, desk.bot_id, desk.operator, scope, name):
        raise CannotBeDone(f"{what} is not paused")
    if scope != "sending":
        return f"{what} goes on."
    leader = await orders.obeyed(desk.database, desk.bot_id, paused=False)
    return f"{what} goes on: {leader} sends again." if leader else f"{what} goes on with the next ACTIVE instance."


def _paused(wanted: Wanted) -> tuple[PauseScope, str]:
    scope = text(wanted, "scope")
    if scope not in _SCOPES:
        raise BadRequest(f"scope must be one of {', '.join(_SCOPES)}")
    return cast(PauseScope, scope), text(wanted, "name", empty=scope == "sending")


async def _step_down(desk: Desk, wanted: Wanted) -> str:
    done = await orders.step_down(desk.database, desk.bot_id, desk.operator)
    return f"{done.former} has given the lead to {done.successor} (epoch {done.epoch}), {done.seconds:.1f} s later."


async def _replay(desk: Desk, wanted: Wanted) -> str:
    if "ids" in wanted:
        found = await replay.replay_ids(desk.database, desk.bot_id, desk.operator, ids(wanted))
        return _told("replayed", sum(found.values()), len(found))
    chosen = await _as_expected(desk, wanted)
    tally = Tally()
    await replay.replay_selected(
        desk.database, desk.bot_id, desk.operator, chosen, dry_run=False, tally=tally, tell=_nobody
    )
    return _told("replayed", tally.chosen.total())


async def _discard(desk: Desk, wanted: Wanted) -> str:
    if "ids" in wanted:
        found = await discard.discard_ids(desk.database, desk.bot_id, desk.operator, ids(wanted))
        return _told("discarded", sum(found.values()), len(found))
    chosen = await _as_expected(desk, wanted)
    tally = Tally()
    await discard.discard_selected(
        desk.database, desk.bot_id, desk.operator, chosen, dry_run=False, tally=tally, tell=_nobody
    )
    return _told("discarded", tally.chosen.total())


async def _as_expected(desk: Desk, wanted: Wanted) -> Selection:
    """What is to be chosen, if it is as much as the operator was told; raises ChangedMeanwhile."""
    chosen, expected, tally = selection(wanted), number(wanted, "expected"), Tally()
    await replay.replay_selected(
        desk.database, desk.bot_id, desk.operator, chosen, dry_run=True, tally=tally, tell=_nobody
    )
    if tally.chosen.total() != expected:
        raise ChangedMeanwhile(tally.chosen.total())
    return chosen


async def _cancel_job(desk: Desk, wanted: Wanted) -> str:
    job_id = number(wanted, "job_id")
    if not await cancel_job(desk.database, desk.bot_id, desk.operator, job_id):
        raise CannotBeDone(f"job {job_id} is over, made already, or not known")
    return f"Job {job_id} is cancelled, and its person will be told."


DEEDS: Mapping[str, Deed] = {
    "pause": _pause,
    "resume": _resume,
    "step_down": _step_down,
    "replay": _replay,
    "discard": _discard,
    "cancel_job": _cancel_job,
}
"""What an action's name does."""


def _told(done: Literal["replayed", "discarded"], updates: int, of: int | None = None) -> str:
    rest = f" The other {of - updates} were not dead any more." if of is not None and of != updates else ""
    return f"{_updates(updates)} {done}.{rest}"


def _updates(number: int) -> str:
    return "1 update" if number == 1 else f"{number:,} updates"


def _nobody() -> None:
    """The page is told when all is done."""
