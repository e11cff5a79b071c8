"""States that differ only in what nothing refers to any more are one: it keeps their number small, and no behaviour is lost.

A token is random over 63 bits in the code. Here it is a small number, unique only among those that its own process gave
out in its own term and to which something still refers: the protocol is shown to need no more than that.
"""

from __future__ import annotations

from tests.model.state import NO_TOKEN, Row, State, Update

Reference = tuple[int, int, int]  # update, epoch, token


def reduced(state: State) -> State:
    """The one state that stands for all that are like this one."""
    state = _without_useless_clocks(state)
    asked = _asked(state)
    updates = state.updates
    if any(_is_left(update.row) for update in updates):
        updates = tuple(_without_owner(number, update, asked) for number, update in enumerate(updates))
        state = state._replace(updates=updates)
    for number, instance in enumerate(state.instances):
        if instance.issued:
            issued = _still_known(state, asked, number, instance.epoch, instance.issued)
            if issued != instance.issued:
                state = state.with_instance(number, instance._replace(issued=issued))
    return state


def _without_useless_clocks(state: State) -> State:
    lock = state.lock
    if lock is not None and not lock.attached and lock.silent:
        state = state._replace(lock=lock._replace(silent=0))
    for number, instance in enumerate(state.instances):
        if instance.beat is not None and not (state.has_lock(number) and state.leads(number, instance.epoch)):
            state = state.with_instance(number, instance._replace(beat=None))
    return state


def _asked(state: State) -> set[Reference]:
    """The attempts that a worker or a message on the wire may still speak of."""
    asked = {(message.update, message.epoch, message.token) for message in state.wire}
    for instance in state.instances:
        if instance.work is not None:
            asked.add((instance.work.update, instance.epoch, instance.work.token))
    return asked


def _is_left(row: Row | None) -> bool:
    return row is not None and row.epoch > 0 and row.state != "processing"


def _without_owner(number: int, update: Update, asked: set[Reference]) -> Update:
    """Whose attempt it was matters for a row that is not being processed only as long as that may be settled."""
    row = update.row
    if row is None or not _is_left(row) or (number, row.epoch, row.token) in asked:
        return update
    return update._replace(row=row._replace(epoch=0, token=NO_TOKEN))


def _still_known(state: State, asked: set[Reference], owner: int, epoch: int, issued: int) -> int:
    rows = {(row.epoch, row.token) for row, *_ in state.updates if row is not None}
    tokens = {token for _, of, token in asked if of == epoch} | {token for of, token in rows if of == epoch}
    return sum(1 << token for token in tokens if issued >> token & 1)
