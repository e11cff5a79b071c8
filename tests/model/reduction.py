"""States that differ only in what nothing refers to any more are one: few states, and no behaviour is lost.

A token is random over 63 bits in the code. Here it is a small number, unique only among those that its own process
gave out in its own term and to which something still refers: the protocol is shown to need no more than that.
"""

from __future__ import annotations

from tests.model.rules import Rules
from tests.model.state import FRESH, NO_TOKEN, Instance, Message, State, Update

Attempt = tuple[int, int, int]  # update, epoch, token
FINISHED = Update(row=None, done=0, sends=1)


def reduced(state: State, rules: Rules) -> State:
    """The one state that stands for all that are like this one."""
    first, second = state.instances
    instances = (_instance(state, 0, first), _instance(state, 1, second))
    lock = state.lock
    if lock is not None and not lock.attached and lock.silent:
        lock = lock._replace(silent=0)
    if instances != state.instances or lock is not state.lock:
        state = state._replace(lock=lock, instances=instances)
    if state.wire:
        wire = tuple(message for message in state.wire if _may_matter(state, rules, message))
        if len(wire) < len(state.wire):
            state = state._replace(wire=wire)
    asked = _asked(state)
    updates = (_update(state, rules, 0, asked), _update(state, rules, 1, asked))
    if updates != state.updates:
        state = state._replace(updates=updates)
    for number, instance in enumerate(state.instances):
        if instance.issued:
            issued = _still_known(state, asked, instance.epoch, instance.issued)
            if issued != instance.issued:
                state = state.with_instance(number, instance._replace(issued=issued))
    return state


def _instance(state: State, number: int, instance: Instance) -> Instance:
    """A heartbeat that cannot arrive is none; an instance whose term is over is as good as passive."""
    if instance.phase != "active":
        return instance
    connected = state.has_lock(number)
    if instance.beat is not None and instance.beat.leg == "request" and not connected:
        instance = instance._replace(beat=None)
    if state.epoch == instance.epoch:
        return instance
    work = instance.work
    if work is not None and work.stage == "asking" and not work.read:
        work = None
        instance = instance._replace(work=None)
    if work is None and not instance.lease and instance.beat is None and not connected:
        return FRESH
    return instance


def _may_matter(state: State, rules: Rules, message: Message) -> bool:
    """Whether the server could still change anything by executing it."""
    update = state.updates[message.update]
    attempt = (message.update, message.epoch, message.token)
    if message.kind == "begin":
        fenced = message.epoch != state.epoch and not message.read
        return not fenced and not (update.row is None and state.copies == rules.copies)
    row = update.row
    if row is not None and (row.epoch, row.token) == (message.epoch, message.token):
        return True
    return any(m.kind == "begin" and (m.update, m.epoch, m.token) == attempt for m in state.wire)


def _asked(state: State) -> set[Attempt]:
    """The attempts that a worker or a message on the wire may still speak of."""
    asked = {(message.update, message.epoch, message.token) for message in state.wire}
    for instance in state.instances:
        if instance.work is not None:
            asked.add((instance.work.update, instance.epoch, instance.work.token))
    return asked


def _update(state: State, rules: Rules, number: int, asked: set[Attempt]) -> Update:
    update = state.updates[number]
    row = update.row
    if row is None:
        over = update.done is not None and state.copies == rules.copies
        return FINISHED if over and not any(attempt[0] == number for attempt in asked) else update
    # Whose attempt it was matters for a row that is not being processed only as long as that may be settled.
    if row.epoch == 0 or row.state == "processing" or (number, row.epoch, row.token) in asked:
        return update
    return update._replace(row=row._replace(epoch=0, token=NO_TOKEN))


def _still_known(state: State, asked: set[Attempt], epoch: int, issued: int) -> int:
    known = 0
    for _, of, token in asked:
        if of == epoch:
            known |= 1 << token
    for row, *_ in state.updates:
        if row is not None and row.epoch == epoch:
            known |= 1 << row.token
    return issued & known
