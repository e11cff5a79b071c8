"""Every step that can happen next. No step is ever forced, so a pause or a partition is just its absence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from svc.storage.inbox import SENDS_IN_DOUBT
from tests.model import database
from tests.model.arrivals import arrives, store_message, stored_alone, storing
from tests.model.known import watermarks
from tests.model.looking import fates, looking, telegram
from tests.model.rules import LEASE, SERVER_TIMEOUT, Rules
from tests.model.state import (
    FRESH,
    NO_TOKEN,
    Beat,
    Ending,
    Instance,
    Label,
    Lock,
    Message,
    State,
    Update,
    Work,
)

Step = tuple[Label, State]
UNTOUCHED = Update()
_UNHEARD: dict[Ending, str] = {ending: f"{ending}, unheard" for ending in get_args(Ending)}


def first_state(rules: Rules) -> State:
    """What the searches begin with."""
    return State(updates=(UNTOUCHED, Update(row=None))) if rules.second_arrives else State()


def steps(state: State, rules: Rules) -> Iterator[Step]:
    """All successors of `state`, each with the name of the step that leads there."""
    if rules.clock:
        yield Label("tick"), _tick(state, rules)
    yield from _server(state, rules) if rules.leases else telegram(state, rules)
    yield from stored_alone(state, rules)
    for number, instance in enumerate(state.instances):
        if instance.phase == "passive":
            yield from _campaign(state, rules, number) if rules.leases else _lead(state, rules, number)
            continue
        yield Label("step_down", number), _step_down(state, rules, number)
        if not (rules.leases or instance.lease):
            yield from _finish(state, rules, number, instance)
        elif instance.phase == "active":
            yield from (
                _beat(state, rules, number, instance) if rules.clock else _lease(state, rules, number, instance)
            )
            yield from _look_after_doubts(state, rules, number, instance)
            yield from looking(state, rules, number, instance)
            yield from _work(state, rules, number, instance)
        else:
            yield from _take_over(state, rules, number)
            if not rules.clock and instance.lease:
                yield Label("lease_ends", number), state.with_instance(number, instance.with_lease(0, instance.beat))
    for place, message in enumerate(state.wire):
        rest = state.with_wire(state.wire[:place] + state.wire[place + 1 :])
        yield Label("lost", message.owner, -1, 0, NO_TOKEN, message.kind), rest
        yield from _execute(rest, rules, message)


# Time and the server.


def _tick(state: State, rules: Rules) -> State:
    lock = state.lock
    if lock is not None and lock.silent < SERVER_TIMEOUT:
        lock = Lock(lock.owner, lock.attached, lock.silent + 1)
    first, second = state.instances
    older = _older(first, rules), _older(second, rules)
    return State(state.epoch, state.holder, lock, state.updates, older, *state[5:])


def _older(instance: Instance, rules: Rules) -> Instance:
    if instance.beat is None and not instance.lease:
        return instance
    beat = instance.beat
    if beat is not None:
        beat = Beat(beat.leg, min(SERVER_TIMEOUT, beat.age + 1))
        if beat.age >= LEASE and rules.lease_from_sending:
            beat = None  # it would bring nothing
    return instance.with_lease(max(0, instance.lease - 1), beat)


def _server(state: State, rules: Rules) -> Iterator[Step]:
    lock = state.lock
    if lock is not None:
        lease_is_over = lock.silent >= SERVER_TIMEOUT if rules.clock else not state.instances[lock.owner].lease
        if lease_is_over or not lock.attached:
            yield Label("session_ends", lock.owner), state._replace(lock=None)
        elif state.kills < rules.kills:
            yield Label("session_killed", lock.owner), state._replace(lock=None, kills=state.kills + 1)


# Leadership.


def _campaign(state: State, rules: Rules, number: int) -> Iterator[Step]:
    # As long as nothing has happened the two are alike: the first to try is called A.
    if state.lock is None and not (number == 1 and state == first_state(rules)):
        taking = Instance(phase="taking", lease=LEASE)
        yield Label("gets_lock", number), state.with_instance(number, taking)._replace(lock=Lock(number))


def _take_over(state: State, rules: Rules, number: int) -> Iterator[Step]:
    if state.epoch < rules.epochs and state.has_lock(number):
        after = database.new_term(state, rules, number)
        active = after.instances[number]._replace(phase="active", epoch=after.epoch)
        yield Label("new_term", number, epoch=after.epoch), after.with_instance(number, active)


def _lead(state: State, rules: Rules, number: int) -> Iterator[Step]:
    """Without leases: nobody else leads, and the term begins at once. A is who leads, unless it still is at work."""
    if state.lock is None and state.epoch < rules.epochs and not (number and state.instances[0].phase == "passive"):
        after = database.new_term(state, rules, number)
        active = Instance("active", after.epoch, LEASE)
        yield (
            Label("new_term", number, epoch=after.epoch),
            after.with_instance(number, active)._replace(lock=Lock(number)),
        )


def _step_down(state: State, rules: Rules, number: int) -> State:
    """The term is over for this process: the lease, an error, SIGTERM, or a crash and a restart.

    What it had asked the database for may still be done. A crash is this and the loss of what is on the wire.
    """
    epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram = state
    left = _left_behind(state, rules, number)
    if left is not None and len(wire) < rules.wire:
        wire = _sorted(*wire, left)
    if lock is not None and lock.owner == number and lock.attached:
        lock = Lock(number, attached=False, silent=lock.silent) if rules.leases else None
    instances = (FRESH, instances[1]) if number == 0 else (instances[0], FRESH)
    return State(epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram)


def _left_behind(state: State, rules: Rules, number: int) -> Message | None:
    instance = state.instances[number]
    work = instance.work
    if instance.phase == "taking":
        return Message("new_term", number)
    if work is not None and work.stage == "storing" and rules.late_begins:
        return store_message(number, instance.epoch, work)
    if work is not None and work.stage == "asking" and rules.late_begins:
        return _begin_message(number, instance.epoch, work)
    if work is not None and work.stage == "settling":
        return Message("settle", number, instance.epoch, work.update, work.token, work.ending)
    return None


def _beat(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    beat = instance.beat
    if beat is None:
        yield Label("beats", number), state.with_instance(number, instance.with_lease(instance.lease, Beat("request")))
        return
    lost = instance.with_lease(instance.lease, None)
    yield Label("beat_lost", number, -1, 0, NO_TOKEN, beat.leg), state.with_instance(number, lost)
    if beat.leg == "answer":
        lease = LEASE - beat.age if rules.lease_from_sending else LEASE
        yield Label("hears_beat", number), state.with_instance(number, instance.with_lease(lease, None))
    elif state.has_lock(number):
        assert state.lock is not None
        heard = state._replace(lock=state.lock._replace(silent=0))
        answer = beat._replace(leg="answer") if state.leads(number, instance.epoch) else None
        yield (
            Label("beat_reaches_server", number),
            heard.with_instance(number, instance.with_lease(instance.lease, answer)),
        )


def _lease(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    if instance.lease:
        ended = state.with_instance(number, instance.with_lease(0, instance.beat))
        yield Label("lease_ends", number), ended if rules.leases else ended._replace(lock=None)
    elif state.has_lock(number):
        yield Label("hears_beat", number), state.with_instance(number, instance.with_lease(LEASE, instance.beat))


# The worker.


def _work(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    work = instance.work
    if work is None:
        yield from _ask(state, rules, number, instance)
        yield from arrives(state, rules, number, instance)
        return
    update, token, ending = work.update, work.token, work.ending
    epoch = instance.epoch
    match work.stage:
        case "storing":
            yield from storing(state, rules, number, instance, work)
        case "asking":
            yield from _begin(state, rules, number, instance, work)
        case "begun":
            again = _ask_again(state, rules, number, instance, work)
            yield Label("answer_lost", number, update, epoch, token), again
            not_sent = _settling(state, number, instance, work, "again")
            yield Label("not_sent", number, update, epoch, token), not_sent
            if instance.may_send or not rules.call_looks_at_lease:
                called = _call(state, rules, number, instance, work)
                for fate, after in fates(called, rules, number) if rules.looking else [("", called)]:
                    yield Label("call", number, update, epoch, token, fate), after
        case "called" | "unheard":
            if work.stage == "called":
                delivered = _settling(state, number, instance, work, "done")
                yield Label("delivered", number, update, epoch, token), delivered
            if rules.looking:
                unclear = _settling(state, number, instance, work, "unclear")
                yield Label("unanswered", number, update, epoch, token), unclear
            elif state.updates[update].doubts < rules.doubts:
                unanswered = _settling(state, number, instance, work, _ending_in_doubt(state, rules, epoch, work))
                yield Label("unanswered", number, update, epoch, token), unanswered
        case "settling":
            after = database.settle(state, rules, epoch, update, token, ending)
            heard = after.with_instance(number, instance.with_work(None))
            yield Label("settle", number, update, epoch, token, ending), heard
            yield Label("settle", number, update, epoch, token, _UNHEARD[ending]), after


def _finish(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    """Without leases, once it leads no more: nothing is begun, what has left is answered, and how it ended is kept."""
    if instance.work is not None and instance.work.stage not in ("storing", "asking"):
        for label, after in _work(state, rules, number, instance):
            if label.action not in ("call", "answer_lost"):
                yield label, after


def _ask(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    """Begin anything that is in the inbox: nothing rests on the queue's knowing better."""
    token = instance.free_token
    if token > rules.tokens:
        return
    for update, (row, *_) in enumerate(state.updates):
        if row is None or (update == 1 and not rules.same_chat and _alike(state)):
            continue
        left_behind = row.epoch < instance.epoch and not rules.begin_leaves_doubts
        if not database.waits(row, rules) and rules.begin_knows_its_token and not left_behind:
            continue
        label = Label("asks", number, update, instance.epoch, token)
        for watermark in watermarks(state, rules):
            work = Work("asking", update, token, watermark=watermark)
            yield (
                label._replace(detail=f"above {watermark}" if rules.looking else ""),
                state.with_instance(number, instance.with_attempt(work)),
            )


def _begin(state: State, rules: Rules, number: int, instance: Instance, work: Work) -> Iterator[Step]:
    label = Label("begin", number, work.update, instance.epoch, work.token)
    if len(state.wire) < rules.wire and rules.late_begins:
        left = _sorted(*state.wire, _begin_message(number, instance.epoch, work))
        again = _ask_again(state, rules, number, instance, work._replace(read=False))
        yield label._replace(action="asks_again"), again.with_wire(left)
    if not rules.term_read_for_share and not work.read and state.leads(number, instance.epoch):
        reads = state.with_instance(number, instance.with_work(work._replace(read=True)))
        yield label._replace(action="reads_term"), reads
        return
    attempt = database.Tried(instance.epoch, work.update, work.token, work.watermark, work.read)
    after, outcome = database.begin(state, rules, number, attempt)
    answered = work._replace(stage="begun", read=False) if outcome == "begun" else None
    yield label._replace(detail=outcome), after.with_instance(number, instance.with_work(answered))


def _ask_again(state: State, rules: Rules, number: int, instance: Instance, work: Work) -> State:
    """After a lost answer: the same attempt again. The mutant that knows no tokens makes a new one."""
    if rules.begin_knows_its_token:
        return state.with_instance(number, instance.with_work(work._replace(stage="asking")))
    token = instance.free_token
    if token > rules.tokens:
        return state.with_instance(number, instance.with_work(None))
    return state.with_instance(number, instance.with_attempt(work._replace(stage="asking", token=token)))


def _call(state: State, rules: Rules, number: int, instance: Instance, work: Work) -> State:
    """The look at the lease and the write, in one."""
    update = state.updates[work.update]
    slips = state.slips._replace(
        sent_without_lock=state.slips.sent_without_lock or not state.has_lock(number),
        sent_after_told=state.slips.sent_after_told or update.told or update.done is not None,
    )
    # Where it is looked for, Telegram says whether and when it is a message (`telegram`).
    after = state if rules.looking else state.with_update(work.update, update._replace(sends=update.sends + 1))
    if slips != state.slips:
        after = after._replace(slips=slips)
    return after.with_instance(number, instance.with_work(work._replace(stage="called")))


def _look_after_doubts(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    if rules.looking:
        return  # each of these can be looked for, and is left to `looking`
    held = instance.work.token if instance.work else NO_TOKEN
    for update, (row, *_) in enumerate(state.updates):
        if row is None or state.updates[update].doubts >= rules.doubts:
            continue
        if rules.doubts_wait and _may_still_call(state, update):
            continue
        after, how = database.resolve_doubts(state, rules, number, instance.epoch, update, held)
        yield Label("resolve_doubts", number, update, instance.epoch, held, how or "nothing"), after


def _ending_in_doubt(state: State, rules: Rules, epoch: int, work: Work) -> Ending:
    """By the doubts that begin has told of. If the row is pending again, one has been counted since."""
    row = state.updates[work.update].row
    own = row is not None and (row.epoch, row.token) == (epoch, work.token)
    known = row.doubts - (row.state == "pending") if own and row is not None else 0
    return "dead" if rules.settle_caps_doubts and known + 1 >= SENDS_IN_DOUBT else "doubt"


def _may_still_call(state: State, update: int) -> bool:
    works = (instance.work for instance in state.instances)
    return any(work is not None and work.stage == "begun" and work.update == update for work in works)


# The wire.


def _execute(rest: State, rules: Rules, message: Message) -> Iterator[Step]:
    """A statement whose sender has given it up, or is gone: nobody hears the answer."""
    kind, owner, epoch, update, token, ending, read = message
    if kind == "settle":
        yield (
            Label(kind, owner, update, epoch, token, ending),
            database.settle(rest, rules, epoch, update, token, ending),
        )
    elif kind == "new_term":
        # Only while the session that it was asked for still holds the lock at the server.
        if rest.has_session(owner) and rest.epoch < rules.epochs:
            after = database.new_term(rest, rules, owner)
            yield Label(kind, owner, epoch=after.epoch), after
    elif not _reads_for_share(rules, message) and not read and rest.leads(owner, epoch):
        wire = _sorted(*rest.wire, message._replace(read=True))
        yield Label("reads_term", owner, update, epoch, token), rest.with_wire(wire)
    else:
        execute = database.store if kind == "store" else database.begin
        after, outcome = execute(rest, rules, owner, database.Tried(epoch, update, token, term_read=read))
        yield Label(kind, owner, update, epoch, token, outcome), after


def _reads_for_share(rules: Rules, message: Message) -> bool:
    return rules.store_reads_term_for_share if message.kind == "store" else rules.term_read_for_share


def _begin_message(number: int, epoch: int, work: Work) -> Message:
    return Message("begin", number, epoch, work.update, work.token, read=work.read)


def _sorted(*messages: Message) -> tuple[Message, ...]:
    return tuple(sorted(messages))


def _settling(state: State, number: int, instance: Instance, work: Work, ending: Ending) -> State:
    return state.with_instance(number, instance.with_work(work._replace(stage="settling", ending=ending, watermark=0)))


def _alike(state: State) -> bool:
    """Nothing tells the two updates apart: the first to be begun is called u1."""
    first, second = state.updates
    return first == second == UNTOUCHED and not state.wire and not any(instance.work for instance in state.instances)
