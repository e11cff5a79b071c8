"""The statements of `svc.storage.postgres_inbox`, as functions from state to state: one function, one statement.

Each is what its SQL does once committed. `tests/test_model_sql.py` runs both side by side and compares the rows.
"""

from __future__ import annotations

from typing import Literal

from svc.storage.inbox import SENDS_IN_DOUBT
from tests.model.rules import Rules
from tests.model.state import NO_TOKEN, Ending, Row, State, Update

Outcome = Literal["begun", "busy", "duplicate", "fenced"]


def begin(
    state: State, rules: Rules, owner: int, epoch: int, number: int, token: int, *, term_read: bool = False
) -> tuple[State, Outcome]:
    """BEGIN, and where it did not begin WHY_NOT and FORGET_PROCESSED. `term_read`: the fence lies behind it."""
    leads = state.leads(owner, epoch)
    if not (leads or term_read):
        return state, "fenced"
    update = state.updates[number]
    row = update.row
    if row is not None and (_is_own(row, rules, epoch, token) or _may_begin(state, rules, number, row)):
        begun = row._replace(state="processing", epoch=epoch, token=token)
        if not leads:
            state = state._replace(slips=state.slips._replace(begun_out_of_term=True))
        return state.with_update(number, update._replace(row=begun)), "begun"
    if not leads:
        return state, "fenced"
    if row is not None and update.done is None:
        return state, "busy"
    if row is not None and row.state == "pending":
        state = state.with_update(number, update._replace(row=None))
    return state, "duplicate"


def _is_own(row: Row, rules: Rules, epoch: int, token: int) -> bool:
    if row.state != "processing" or row.epoch != epoch or not rules.begin_returns_own_row:
        return False
    return row.token == token or not rules.begin_knows_its_token


def _may_begin(state: State, rules: Rules, number: int, row: Row) -> bool:
    left_behind = row.state == "processing" and row.epoch < state.epoch and not rules.begin_leaves_doubts
    if row.state != "pending" and not left_behind:
        return False
    if state.updates[number].done is not None and rules.begin_looks_at_processed:
        return False
    older_first = rules.same_chat and rules.begin_keeps_order
    return not (older_first and any(update.row is not None for update in state.updates[:number]))


def settle(state: State, rules: Rules, epoch: int, number: int, token: int, ending: Ending) -> State:
    """SETTLE: done, dead with a doubt, or a retry with a doubt or without."""
    update = state.updates[number]
    row = update.row
    if row is None or row.epoch != epoch or row.token != token:
        return state
    if not (rules.settle_in_any_term or state.epoch == epoch):
        update = update._replace(told=update.told or ending == "done")
    elif ending in ("done", "dead"):
        update = _over(update, row.doubts + (ending == "dead"), dead=ending == "dead")
    else:
        doubts = row.doubts + (ending == "doubt")
        update = update._replace(row=Row("pending", row.epoch, NO_TOKEN, doubts))
    return state.with_update(number, update)


def new_term(state: State, rules: Rules, owner: int) -> State:
    """NEW_TERM: one row is written, and what older terms have left processing is in doubt by that."""
    retaken = state.holder == owner and not rules.epoch_for_every_term
    return state._replace(epoch=state.epoch if retaken else state.epoch + 1, holder=owner)


def resolve_doubts(
    state: State, rules: Rules, owner: int, epoch: int, number: int, held: int
) -> tuple[State, Literal["resend", "dead"] | None]:
    """RESOLVE_DOUBTS, where this row is the only one old enough; `held` is the worker's token."""
    update = state.updates[number]
    row = update.row
    if row is None or row.state != "processing" or not state.leads(owner, epoch):
        return state, None
    older, lost = row.epoch != epoch, row.epoch == epoch and row.token != held
    if not (older and rules.resolve_finds_older_terms) and not (lost and rules.resolve_finds_lost):
        return state, None
    if row.doubts + 1 >= SENDS_IN_DOUBT and rules.resolve_caps_doubts:
        return state.with_update(number, _over(update, row.doubts + 1, dead=True)), "dead"
    again = row._replace(state="pending", doubts=row.doubts + 1)
    return state.with_update(number, update._replace(row=again)), "resend"


def store_beside_settle(state: State, number: int) -> State:
    """STORE of a redelivered update that looked before `settle` committed and inserts behind it.

    A redelivery at any other time changes nothing: its row is here, or the record that it is done.
    """
    return state.with_update(number, state.updates[number]._replace(row=Row()))._replace(copies=state.copies + 1)


def _over(update: Update, doubts: int, *, dead: bool) -> Update:
    """Out of the inbox and recorded, if it was not before."""
    if update.done is not None:
        return update._replace(row=None)
    return Update(None, doubts, update.sends, update.told, dead)
