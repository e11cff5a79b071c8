"""The statements of `svc.storage.postgres_inbox`, as functions from state to state: one function, one statement.

Each is what its SQL does once committed. `tests/test_model_sql.py` runs both side by side and compares the rows.
None: the statement waits for a lock that another transaction holds.
"""

from __future__ import annotations

from typing import Literal

from tests.model.rules import Rules
from tests.model.state import NO_TOKEN, Ending, Row, State, Taking, Update

Outcome = Literal["begun", "busy", "duplicate", "fenced"]


def begin(
    state: State, rules: Rules, owner: int, epoch: int, number: int, token: int, *, term_read: bool = False
) -> tuple[State, Outcome] | None:
    """BEGIN, and where it did not begin WHY_NOT and FORGET_PROCESSED. `term_read`: the fence lies behind it."""
    if state.taking is not None and rules.term_read_for_share and rules.takeover_two_statements:
        return None
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
    if row.state != "pending":
        return False
    if state.updates[number].done is not None and rules.begin_looks_at_processed:
        return False
    older_first = rules.same_chat and rules.begin_keeps_order
    return not (older_first and any(update.row is not None for update in state.updates[:number]))


def settle(state: State, rules: Rules, epoch: int, number: int, token: int, ending: Ending) -> State:
    """SETTLE_DONE, or SETTLE_RETRY with a doubt or without."""
    update = state.updates[number]
    row = update.row
    if row is None or row.epoch != epoch or row.token != token:
        return state
    if not (rules.settle_in_any_term or state.epoch == epoch):
        update = update._replace(told=update.told or ending == "done")
    elif ending == "done":
        update = Update(None, row.doubts if update.done is None else update.done, update.sends, update.told)
    else:
        doubts = row.doubts + (ending == "doubt")
        update = Update(Row("pending", row.epoch, NO_TOKEN, doubts), update.done, update.sends, update.told)
    return state.with_update(number, update)


def new_term(state: State, rules: Rules, owner: int) -> State | None:
    """NEW_TERM: the transaction is open and holds the lock on the leadership row."""
    if state.taking is not None:
        return None
    seen: tuple[int, ...] = ()
    if not rules.takeover_two_statements:
        seen = tuple(n for n, update in enumerate(state.updates) if update.row and update.row.state == "processing")
    return state._replace(taking=Taking(owner, True, seen))


def mark_older_terms(state: State, rules: Rules) -> State:
    """MARK_OLDER_TERMS and the commit of its transaction: the new epoch and the marks appear together."""
    taking = state.taking
    assert taking is not None
    retaken = state.holder == taking.owner and not rules.epoch_for_every_term
    epoch = state.epoch if retaken else state.epoch + 1
    updates = tuple(
        _mark(update, epoch) if rules.takeover_marks and (rules.takeover_two_statements or n in taking.seen) else update
        for n, update in enumerate(state.updates)
    )
    return state._replace(taking=None, epoch=epoch, holder=taking.owner, updates=updates)


def _mark(update: Update, epoch: int) -> Update:
    row = update.row
    if row is None or row.state != "processing" or row.epoch >= epoch:
        return update
    return update._replace(row=row._replace(state="in_doubt"))


def mark_lost(state: State, epoch: int, held: int, number: int) -> State:
    """MARK_LOST, where this row is the only one old enough; `held` is the worker's token."""
    update = state.updates[number]
    row = update.row
    if row is None or row.state != "processing" or row.epoch != epoch or row.token == held:
        return state
    return state.with_update(number, update._replace(row=row._replace(state="in_doubt")))


def resend_doubts(state: State, owner: int, epoch: int, number: int) -> State | None:
    """RESEND_DOUBTS, where this row is the only one old enough."""
    if state.taking is not None:
        return None
    update = state.updates[number]
    row = update.row
    if row is None or row.state != "in_doubt" or not state.leads(owner, epoch):
        return state
    return state.with_update(number, update._replace(row=row._replace(state="pending", doubts=row.doubts + 1)))


def store_beside_settle(state: State, number: int) -> State:
    """STORE of a redelivered update that looked before `settle` committed and inserts behind it.

    A redelivery at any other time changes nothing: its row is here, or the record that it is done.
    """
    return state.with_update(number, state.updates[number]._replace(row=Row()))._replace(copies=state.copies + 1)
