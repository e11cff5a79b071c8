"""The statements of looking for a send in doubt (`svc.storage.looks`), as functions from state to state."""

from __future__ import annotations

from typing import Literal

from svc.storage.inbox import SENDS_IN_DOUBT
from tests.model.database import by_policy, over
from tests.model.known import is_known
from tests.model.rules import Rules
from tests.model.state import Look, Row, State

Outcome = Literal["gone", "found", "look_again", "send", "resend", "dead"]


def claim_look(state: State, rules: Rules, owner: int, epoch: int, number: int, held: int) -> tuple[State, Look | None]:
    """DUE_LOOKS, where this row is the only one due: the look counts from now on, whatever becomes of it."""
    row = state.updates[number].row
    if row is None or not state.leads(owner, epoch) or not _is_due(row, rules, epoch, held):
        return state, None
    absent = min(row.absent, rules.absent_looks - 1) if rules.claim_ends_clearance else row.absent
    claimed = row._replace(state="in_doubt", looks=row.looks + 1, absent=absent, claimed=True)
    if not rules.watermark_before_send and not row.looks:
        claimed = claimed._replace(watermark=state.telegram.top)
    after = state.with_update(number, state.updates[number]._replace(row=claimed))
    return after, Look(number, claimed.token, claimed.looks, claimed.absent)


def _is_due(row: Row, rules: Rules, epoch: int, held: int) -> bool:
    if row.state == "in_doubt":
        return not (row.absent >= rules.absent_looks and row.looks >= rules.most_looks)
    older, lost = row.epoch != epoch, row.epoch == epoch and row.token != held
    left = (older and rules.resolve_finds_older_terms) or (lost and rules.resolve_finds_lost)
    return row.state == "processing" and left


def settle_look(state: State, rules: Rules, owner: int, epoch: int, look: Look) -> tuple[State, Outcome]:
    """SETTLE_LOOK: nothing, unless the row stands as it did when the look was claimed."""
    number = look.update
    row = state.updates[number].row
    if row is None or row.state != "in_doubt" or not state.leads(owner, epoch) or not _is_same(row, rules, look):
        return state, "gone"
    if look.verdict == "found":
        return _found(state, rules, row, look), "found"
    enough = look.verdict == "absent" and row.absent + 1 >= rules.absent_looks
    if enough and not _sent_enough(row, rules):
        return _recorded(state, number, row, absent=1), "send"
    if look.verdict in ("absent", "unsure") and row.looks < rules.most_looks and not enough:
        return _recorded(state, number, row, absent=look.verdict == "absent"), "look_again"
    return by_policy(state, rules, number, row)


def _sent_enough(row: Row, rules: Rules) -> bool:
    return rules.resends_are_capped and row.doubts + row.resends + 1 >= SENDS_IN_DOUBT


def _is_same(row: Row, rules: Rules, look: Look) -> bool:
    unchanged = row.claimed or not rules.look_counts_once
    return (row.looks, row.token) == (look.number, look.token) and unchanged


def _recorded(state: State, number: int, row: Row, *, absent: int) -> State:
    row = row._replace(absent=row.absent + absent, claimed=False)
    return state.with_update(number, state.updates[number]._replace(row=row))


def _found(state: State, rules: Rules, row: Row, look: Look) -> State:
    update = state.updates[look.update]
    if state.telegram.unknown[look.place].update != look.update or state.telegram.unknown[look.place].kind == "apology":
        state = state._replace(slips=state.slips._replace(found_anothers=True))
    if not rules.found_ends_the_row:
        sent_again = update._replace(row=row._replace(absent=rules.absent_looks, claimed=False))
        return state.with_update(look.update, sent_again)
    return is_known(state.with_update(look.update, over(update, row.doubts, dead=False)), rules, look.place)
