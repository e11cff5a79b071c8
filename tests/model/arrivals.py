"""The steps of an update that arrives: it is stored, and where nothing is in its way begun by the same commit."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model import database
from tests.model.rules import Rules
from tests.model.state import Instance, Label, Message, State, Work

Step = tuple[Label, State]


def stored_alone(state: State, rules: Rules) -> Iterator[Step]:
    """Any instance may be given it, and then it waits. So may a second delivery that slips in beside a settlement."""
    for number, update in enumerate(state.updates):
        if update.row is not None:
            continue
        if update.done is None:
            yield Label("store_alone", update=number), database.store_alone(state, number)
        elif state.copies < rules.copies:
            yield Label("store_beside_settle", update=number), database.store_beside_settle(state, number)


def arrives(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    """At an active instance whose worker is idle: the attempt goes along with it. A second delivery is done in one."""
    token = instance.free_token
    if token > rules.tokens:
        return
    for update, (row, done, *_) in enumerate(state.updates):
        if row is not None:
            continue
        label = Label("asks_to_store", number, update, instance.epoch, token)
        if done is None:
            yield label, state.with_instance(number, instance.with_attempt(Work("storing", update, token)))
        elif state.copies < rules.copies:
            tried = database.Tried(instance.epoch, update, token)
            after, outcome = database.store_and_begin_beside_settle(state, rules, number, tried)
            if outcome == "begun":
                after = after.with_instance(number, instance.with_attempt(Work("begun", update, token)))
            yield label._replace(action="store_beside_settle", detail=outcome), after


def storing(state: State, rules: Rules, number: int, instance: Instance, work: Work) -> Iterator[Step]:
    """The commit; or its answer does not come, and what may have begun is put back."""
    label = Label("store", number, work.update, instance.epoch, work.token)
    if len(state.wire) < rules.wire and rules.late_begins:
        late = tuple(sorted((*state.wire, store_message(number, instance.epoch, work))))
        put_back = instance.with_work(work._replace(stage="settling", ending="again", read=False))
        yield label._replace(action="gives_up"), state.with_wire(late).with_instance(number, put_back)
    if not rules.store_reads_term_for_share and not work.read and state.leads(number, instance.epoch):
        reads = state.with_instance(number, instance.with_work(work._replace(read=True)))
        yield label._replace(action="reads_term"), reads
        return
    tried = database.Tried(instance.epoch, work.update, work.token, term_read=work.read)
    after, outcome = database.store(state, rules, number, tried)
    goes_on = work._replace(stage="begun", read=False) if outcome == "begun" else None
    yield label._replace(detail=outcome), after.with_instance(number, instance.with_work(goes_on))


def store_message(number: int, epoch: int, work: Work) -> Message:
    """The statement on the wire, when nobody waits for its answer any more."""
    return Message("store", number, epoch, work.update, work.token, read=work.read)
