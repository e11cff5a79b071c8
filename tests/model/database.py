"""The statements of `svc.storage.postgres_inbox`, as functions from state to state: one function, one statement.

Each is what its SQL does once committed. `tests/test_model_sql.py` runs both side by side and compares the rows.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from svc.storage.inbox import SENDS_IN_DOUBT
from tests.model.known import answer_is_known
from tests.model.rules import Rules
from tests.model.state import NO_TOKEN, Ending, Row, State, Update

Outcome = Literal["begun", "busy", "duplicate", "fenced"]
StoreOutcome = Literal["begun", "stored", "duplicate"]


class Tried(NamedTuple):
    """What BEGIN or STORE_AND_BEGIN is asked for. `term_read`: the fence lies behind it (mutant)."""

    epoch: int
    update: int
    token: int
    watermark: int = 0
    term_read: bool = False


def store(state: State, rules: Rules, owner: int, tried: Tried) -> tuple[State, StoreOutcome]:
    """STORE_AND_BEGIN of an update: it begins if the term is current and its chat has nothing in the inbox."""
    number = tried.update
    update = state.updates[number]
    if update.row is not None or update.done is not None:
        return state, "duplicate"
    leads = state.leads(owner, tried.epoch)
    chat_has_rows = rules.same_chat and any(each.row is not None for each in state.updates)
    if not (leads or tried.term_read) or (chat_has_rows and rules.store_looks_at_the_inbox):
        return store_alone(state, number), "stored"
    slips = state.slips._replace(begun_out_of_term=state.slips.begun_out_of_term or not leads)
    return state.with_update(number, _begun(update, Row(), tried))._replace(slips=slips), "begun"


def store_alone(state: State, number: int) -> State:
    """STORE of an update that is not there yet: it waits for its turn."""
    return state.with_update(number, state.updates[number]._replace(row=Row()))


def begin(state: State, rules: Rules, owner: int, tried: Tried) -> tuple[State, Outcome]:
    """BEGIN, and where it did not begin WHY_NOT and FORGET_PROCESSED."""
    leads = state.leads(owner, tried.epoch)
    if not (leads or tried.term_read):
        return state, "fenced"
    number = tried.update
    update = state.updates[number]
    row = update.row
    if row is not None and _is_own(row, rules, tried.epoch, tried.token):
        return state.with_update(number, update._replace(row=row._replace(token=tried.token))), "begun"
    if row is not None and _may_begin(state, rules, number, row):
        slips = state.slips._replace(
            begun_out_of_term=state.slips.begun_out_of_term or not leads,
            begun_while_looked_for=state.slips.begun_while_looked_for or _is_looked_for(state, number, row),
        )
        return state.with_update(number, _begun(update, row, tried))._replace(slips=slips), "begun"
    if not leads:
        return state, "fenced"
    if row is not None and update.done is None:
        return state, "busy"
    if row is not None and row.state == "pending":
        state = state.with_update(number, update._replace(row=None))
    return state, "duplicate"


def _begun(update: Update, row: Row, tried: Tried) -> Update:
    """The watermark is that of the first send for as long as looks have found nothing: too low is safe."""
    again = row.state == "in_doubt"
    resends = row.resends + again
    begun = row._replace(
        state="processing",
        epoch=tried.epoch,
        token=tried.token,
        watermark=row.watermark if resends else tried.watermark,
        absent=0,
        resends=resends,
        claimed=False,
    )
    return update._replace(row=begun, resent=update.resent or again, looked=0)


def _is_looked_for(state: State, number: int, row: Row) -> bool:
    """Whether a look at it is under way that it has waited for."""
    looks = (instance.look for instance in state.instances)
    looked = (number, row.token, row.looks)
    return row.claimed and any(look is not None and look[:3] == looked for look in looks)


def waits(row: Row, rules: Rules) -> bool:
    """Whether it waits for an attempt: pending, or looks have found that it was not sent."""
    return row.state == "pending" or (row.state == "in_doubt" and row.absent >= rules.absent_looks)


def _is_own(row: Row, rules: Rules, epoch: int, token: int) -> bool:
    if row.state != "processing" or row.epoch != epoch or not rules.begin_returns_own_row:
        return False
    return row.token == token or not rules.begin_knows_its_token


def _may_begin(state: State, rules: Rules, number: int, row: Row) -> bool:
    left_behind = row.state == "processing" and row.epoch < state.epoch and not rules.begin_leaves_doubts
    if not waits(row, rules) and not left_behind:
        return False
    if state.updates[number].done is not None and rules.begin_looks_at_processed:
        return False
    older_first = rules.same_chat and rules.begin_keeps_order
    return not (older_first and any(update.row is not None for update in state.updates[:number]))


def settle(state: State, rules: Rules, epoch: int, number: int, token: int, ending: Ending) -> State:
    """SETTLE: done, dead with a doubt, a retry with a doubt or without, or unclear."""
    update = state.updates[number]
    row = update.row
    if row is None or row.epoch != epoch or row.token != token:
        return state
    if not (rules.settle_in_any_term or state.epoch == epoch):
        update = update._replace(told=update.told or ending == "done")
    elif ending in ("done", "dead"):
        update = over(update, row.doubts + (ending == "dead"), dead=ending == "dead")
        if ending == "done" and rules.looking:
            state = answer_is_known(state, rules, number)
    elif ending == "unclear":
        update = update._replace(row=row._replace(state="in_doubt", token=NO_TOKEN, claimed=False))
    elif ending == "again" and row.resends:
        # Sent before, and not found: one more look comes right before it is sent again.
        update = update._replace(
            row=row._replace(state="in_doubt", token=NO_TOKEN, claimed=False, absent=rules.absent_looks - 1)
        )
    else:
        doubts = row.doubts + (ending == "doubt")
        update = update._replace(row=row._replace(state="pending", token=NO_TOKEN, doubts=doubts, claimed=False))
    return state.with_update(number, update)


def new_term(state: State, rules: Rules, owner: int) -> State:
    """NEW_TERM: one row is written, and what older terms have left processing is in doubt by that."""
    retaken = state.holder == owner and not rules.epoch_for_every_term
    if not rules.looks_outlive_terms:
        state = state._replace(updates=tuple(_never_looked_for(update) for update in state.updates))
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
    return by_policy(state, rules, number, row)


def by_policy(state: State, rules: Rules, number: int, row: Row) -> tuple[State, Literal["resend", "dead"]]:
    """What becomes of a row of which it cannot be told whether it was sent: IN_DOUBT=resend."""
    update = state.updates[number]
    resends = row.resends if rules.resends_are_capped else 0
    if row.doubts + resends + 1 >= SENDS_IN_DOUBT and rules.resolve_caps_doubts:
        return state.with_update(number, over(update, row.doubts + resends + 1, dead=True)), "dead"
    again = row._replace(state="pending", doubts=row.doubts + 1, looks=0, absent=0, resends=0, claimed=False)
    return state.with_update(number, update._replace(row=again, looked=0)), "resend"


def store_beside_settle(state: State, number: int) -> State:
    """STORE of a redelivered update that looked before `settle` committed and inserts behind it.

    A redelivery at any other time changes nothing: its row is here, or the record that it is done.
    """
    return store_alone(state, number)._replace(copies=state.copies + 1)


def store_and_begin_beside_settle(
    state: State, rules: Rules, owner: int, tried: Tried
) -> tuple[State, Literal["begun", "stored"]]:
    """STORE_AND_BEGIN in the same race: where it looked, the row was still in the inbox, so its chat was not empty."""
    after = store_beside_settle(state, tried.update)
    if rules.store_looks_at_the_inbox or not state.leads(owner, tried.epoch):
        return after, "stored"
    return after.with_update(tried.update, _begun(after.updates[tried.update], Row(), tried)), "begun"


def over(update: Update, doubts: int, *, dead: bool) -> Update:
    """Out of the inbox and recorded, if it was not before."""
    if update.done is not None:
        return update._replace(row=None)
    return update._replace(row=None, done=doubts, dead=dead, looked=0)


def _never_looked_for(update: Update) -> Update:
    return update._replace(row=update.row._replace(looks=0, absent=0)) if update.row else update
