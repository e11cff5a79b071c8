"""G4: after the chaos, calm. From every state, an instance that leads undisturbed gets both updates done."""

from __future__ import annotations

from dataclasses import replace

from tests.model.rules import LEASE, Rules
from tests.model.search import Result
from tests.model.state import Instance, Lock, State
from tests.model.steps import steps

# In the order in which they are taken.
_CALM = ("settle", "delivered", "call", "begin", "new_term", "resolve_doubts", "asks")
PATIENCE = 40


def stuck(result: Result, rules: Rules) -> list[State]:
    """The states of a search, as calm finds them, from which it does not get everything done."""
    calm = {undisturbed(state, leader) for state in result.came_from for leader in {None, leader_of(state)}}
    return [state for state in calm if not settles(state, rules)]


def undisturbed(state: State, leader: int | None) -> State:
    """`state` with one instance left: the one that leads; or, where none does, one that has just got the lock.

    Nothing is on the wire any more, and what nothing depends on is made equal, so that few states are left.
    """
    calm = State(epoch=state.epoch, holder=state.holder, updates=state.updates, copies=state.copies)
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
    """Whether both updates end up done, with nothing on the way but the steps of calm."""
    rules = replace(rules, clock=True, epochs=state.epoch + 1, doubts=99, tokens=99)
    for _ in range(PATIENCE):
        if all(update.done is not None and update.row is None for update in state.updates):
            return True
        possible: dict[str, State] = {}
        for label, after in steps(state, rules):
            if after != state:
                possible.setdefault(label.action, after)
        action = next((action for action in _CALM if action in possible), None)
        if action is None:
            return False
        state = possible[action]
    return False
