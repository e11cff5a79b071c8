"""G4: after the chaos, calm. From every state, an instance that leads undisturbed gets both updates done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.model.invariants import check
from tests.model.looking import arrives
from tests.model.rules import LEASE, Rules
from tests.model.search import Result
from tests.model.state import Instance, Lock, State
from tests.model.steps import steps
from tests.model.telegram import Sent

# In the order in which they are taken.
_CALM = (
    *("settle", "delivered", "unanswered", "call", "begin", "new_term"),
    *("settle_look", "probes", "looks", "resolve_doubts", "asks", "store", "store_alone"),
)
PATIENCE = 80


def stuck(result: Result, rules: Rules) -> list[State]:
    """The states of a search, as calm finds them, from which it does not get everything done as it must."""
    calm = {
        undisturbed(calmed, leader, rules)
        for state in result.came_from
        for leader in {None, leader_of(state)}
        for calmed in calm_telegrams(state)
    }
    return [state for state in calm if not settles(state, rules)]


def calm_telegrams(state: State) -> Iterator[State]:
    """What Telegram may come to: whatever is on its way is carried out, or is not, and every message is seen."""
    late = state.telegram.late
    if not late:
        unknown = tuple(each._replace(seen=True) for each in state.telegram.unknown)
        yield state.with_telegram(state.telegram._replace(unknown=unknown))
        return
    gone = state.with_telegram(state.telegram.without_late(late[0]))
    yield from calm_telegrams(gone)
    yield from calm_telegrams(arrives(gone, late[0], Sent("late", late[0])))


def undisturbed(state: State, leader: int | None, rules: Rules) -> State:
    """`state` with one instance left: the one that leads; or, where none does, one that has just got the lock.

    Nothing is on the wire any more, and what nothing depends on is made equal, so that few states are left.
    """
    calm = State(
        epoch=state.epoch, holder=state.holder, updates=state.updates, copies=state.copies, telegram=state.telegram
    )
    if leader is None and not rules.leases:
        return calm  # the next one takes over at once
    owner = 0 if leader is None else leader
    instance = Instance(phase="taking") if leader is None else state.instances[owner]
    alone = instance._replace(lease=LEASE, beat=None)
    return calm.with_instance(owner, alone)._replace(lock=Lock(owner))


def leader_of(state: State) -> int | None:
    """The instance that is ACTIVE in the current term and holds the lock."""
    for number, instance in enumerate(state.instances):
        if instance.phase == "active" and state.leads(number, instance.epoch) and state.has_lock(number):
            return number
    return None


def settles(state: State, rules: Rules) -> bool:
    """Whether both updates end up done, with nothing on the way but the steps of calm, and no guarantee broken.

    With looks that is exactly one message for each update of which nothing was in doubt in the end.
    """
    rules = replace(rules, clock=rules.leases, epochs=state.epoch + 1, doubts=99, tokens=99, looks=99)
    for _ in range(PATIENCE):
        if all(update.done is not None and update.row is None for update in state.updates):
            return check(state, rules) is None
        possible: dict[str, State] = {}
        for label, after in steps(state, rules):
            if after != state and not label.detail.endswith("unheard"):
                possible.setdefault(label.action, after)
        action = next((action for action in _CALM if action in possible), None)
        if action is None:
            return False
        state = possible[action]
    return False
