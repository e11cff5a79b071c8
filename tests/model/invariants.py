"""The guarantees, as functions from a state to what is wrong with it. First come the ones nearest to the cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from svc.storage.inbox import SENDS_IN_DOUBT
from tests.model.rules import Rules
from tests.model.state import State


class Broken(NamedTuple):
    """A guarantee that does not hold, and how."""

    guarantee: str
    how: str


def one_active(state: State) -> str | None:
    """G5: nobody begins anything out of the current term, and a lease outlives the lock of no session."""
    if state.slips.begun_out_of_term:
        return "a row was begun by a term that is not the current one"
    if any(instance.lease and not state.has_lock(number) for number, instance in enumerate(state.instances)):
        return "the lock is free for another while its holder's lease still runs"
    return "two instances may send" if all(instance.may_send for instance in state.instances) else None


def passive_is_silent(state: State) -> str | None:
    """G2: whoever sends holds the lock at the server."""
    return "a call left an instance that does not hold the lock" if state.slips.sent_without_lock else None


def one_effect(state: State) -> str | None:
    """G3: one message an update, unless a doubt is on record, and then two; none once the database was told that it is
    delivered.
    """
    if state.slips.sent_after_told:
        return "sent again although the database had been told that it was delivered"
    if any(update.sends > 1 and not update.doubts for update in state.updates):
        return "two messages for one update, and nobody was ever in doubt"
    if any(update.sends > SENDS_IN_DOUBT for update in state.updates):
        return "a message is sent on doubt more often than is allowed"
    return None


def doubt_is_said(state: State) -> str | None:
    """G7: every message after the first has its doubt on record."""
    if any(update.sends > 1 + update.doubts for update in state.updates):
        return "more messages than recorded doubts account for"
    return None


def in_order(state: State) -> str | None:
    """G6: of one chat, nothing is sent for the second update before the first is finished."""
    first, second = state.updates
    return "the second update of a chat overtook the first" if second.sends and first.done is None else None


def nothing_is_lost(state: State) -> str | None:
    """G4: what is done has a message, and its own."""
    if state.slips.found_anothers:
        return "the message of another was taken for it"
    if any(update.done is not None and not (update.dead or update.sends) for update in state.updates):
        return "it is done and nobody got a message"
    return None


def begins_after_its_looks(state: State) -> str | None:
    """What is looked for is not sent again meanwhile."""
    return "it was sent again while it was looked for" if state.slips.begun_while_looked_for else None


def looking_ends(state: State, rules: Rules) -> str | None:
    """There are not more looks at one send than MOST_LOOKS, whoever leads."""
    if any(update.looked > rules.most_looks for update in state.updates):
        return "a send is looked for more often than is allowed"
    return None


def probes_change_nothing(state: State) -> str | None:
    """Whoever asks what became of a message leaves it as it is."""
    return "a probe has edited a message" if state.slips.edited else None


Invariant = Callable[[State], str | None]

GUARANTEES: dict[str, Invariant] = {
    "G5": one_active,
    "G2": passive_is_silent,
    "G3": one_effect,
    "G7": doubt_is_said,
}

LOOKING: dict[str, Invariant] = {
    "G4": nothing_is_lost,
    "begun after its looks": begins_after_its_looks,
    "probes change nothing": probes_change_nothing,
}


def check(state: State, rules: Rules) -> Broken | None:
    """The first guarantee that `state` breaks."""
    if rules.same_chat and (how := in_order(state)) is not None:
        return Broken("G6", how)
    for guarantee, invariant in GUARANTEES.items():
        how = invariant(state)
        if how is not None:
            return Broken(guarantee, how)
    return check_looking(state, rules) if rules.looking else None


def check_looking(state: State, rules: Rules) -> Broken | None:
    """What must hold, whatever Telegram does."""
    if (how := looking_ends(state, rules)) is not None:
        return Broken("looking ends", how)
    for guarantee, invariant in LOOKING.items():
        if (how := invariant(state)) is not None:
            return Broken(guarantee, how)
    return None
