"""States that differ only in what nothing refers to any more are one: few states, and no behaviour is lost.

A token is random over 63 bits in the code. Here it is a small number, unique only among those that its own process
gave out in its own term and to which something still refers: the protocol is shown to need no more than that.
"""

from __future__ import annotations

from tests.model.rules import Rules
from tests.model.state import FRESH, NO_TOKEN, Instance, Lock, Message, Row, State, Update
from tests.model.telegram import Telegram

Attempt = tuple[int, int, int]  # update, epoch, token
FINISHED = Update(row=None, done=0, sends=1)


def reduced(state: State, rules: Rules) -> State:
    """The one state that stands for all that are like this one."""
    epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram = state
    reduce = _instance if rules.leases else _without_lease
    first, second = reduce(state, 0, instances[0]), reduce(state, 1, instances[1])
    if lock is not None and not lock.attached and lock.silent:
        lock = Lock(lock.owner, attached=False)
    if wire:
        wire = tuple(message for message in wire if _may_matter(state, rules, message))
    asked = _asked(first, second, wire)
    if rules.looking:
        telegram = _telegram(telegram, updates[0], rules)
        updates = (_looked_for(updates[0], 0, asked, state, rules), _looked_for(updates[1], 1, asked, state, rules))
    else:
        no_more_copies = copies == rules.copies
        updates = (_update(updates[0], 0, asked, no_more_copies), _update(updates[1], 1, asked, no_more_copies))
    instances = (_with_known_tokens(first, asked, updates), _with_known_tokens(second, asked, updates))
    return State(epoch, holder, lock, updates, instances, wire, copies, kills, slips, telegram)


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
    if work is not None and work.stage in ("storing", "asking") and not work.read:
        work = None
        instance = instance._replace(work=None)
    if work is None and not instance.lease and instance.beat is None and not connected:
        return FRESH
    return instance


def _without_lease(state: State, number: int, instance: Instance) -> Instance:
    """Where there are no leases, whoever leads no more only settles what it had begun."""
    work = instance.work
    if instance.phase != "active" or instance.lease:
        return instance
    if work is None or work.stage in ("storing", "asking"):
        return FRESH
    return instance.with_look(None)


def _may_matter(state: State, rules: Rules, message: Message) -> bool:
    """Whether the server could still change anything by executing it."""
    if message.kind == "new_term":
        return state.has_session(message.owner)
    update = state.updates[message.update]
    attempt = (message.update, message.epoch, message.token)
    fenced = message.epoch != state.epoch and not message.read
    if message.kind == "store":
        # One that begins nothing does what anybody's may do.
        return not fenced and update.row is None and update.done is None
    if message.kind == "begin":
        return not fenced and not (update.row is None and state.copies == rules.copies)
    row = update.row
    if row is not None and (row.epoch, row.token) == (message.epoch, message.token):
        return True
    return any(m.kind in ("store", "begin") and (m.update, m.epoch, m.token) == attempt for m in state.wire)


def _asked(first: Instance, second: Instance, wire: tuple[Message, ...]) -> list[Attempt]:
    """The attempts that a worker or a message on the wire may still speak of."""
    asked = [(message.update, message.epoch, message.token) for message in wire]
    for instance in (first, second):
        work = instance.work
        if work is not None:
            asked.append((work.update, instance.epoch, work.token))
    return asked


def _update(update: Update, number: int, asked: list[Attempt], no_more_copies: bool) -> Update:
    row = update.row
    if row is None:
        over = update.done is not None and no_more_copies
        return FINISHED if over and not any(attempt[0] == number for attempt in asked) else update
    # Whose attempt it was matters for a row that is not being processed only as long as that may be settled.
    if row.epoch == 0 or row.state == "processing" or (number, row.epoch, row.token) in asked:
        return update
    return update._replace(row=Row(row.state, 0, NO_TOKEN, row.doubts))


def _telegram(telegram: Telegram, first: Update, rules: Rules) -> Telegram:
    """Where the second update cannot be looked for, because of the first, it is all one what messages there are."""
    doubted = rules.doubts_are_remembered and first.done
    if first.row is None and (doubted or (rules.resends_are_remembered and first.resent)):
        return Telegram(late=telegram.late)
    return telegram


def _looked_for(update: Update, number: int, asked: list[Attempt], state: State, rules: Rules) -> Update:
    """As `_update`; what looks have found out is kept."""
    if update.resent and not (rules.resends_are_remembered and number == 0):
        update = update._replace(resent=False)
    row = update.row
    if row is None:
        late = number in state.telegram.late or any(attempt[0] == number for attempt in asked)
        good = update.done is not None and (update.sends or update.dead) and update.sends <= 1 + update.done
        if late or not good:
            return update
        return FINISHED._replace(done=1 if update.done else 0, resent=update.resent)
    if row.state == "pending":
        row = row._replace(watermark=0, absent=0)
    if row.state != "processing" and (number, row.epoch, row.token) not in asked:
        looks = (instance.look for instance in state.instances)
        if not any(look is not None and (look.update, look.token) == (number, row.token) for look in looks):
            row = row._replace(epoch=0, token=NO_TOKEN)
    return update._replace(row=row)


def _with_known_tokens(instance: Instance, asked: list[Attempt], updates: tuple[Update, ...]) -> Instance:
    """Of the tokens that it has issued, only those that something still refers to."""
    phase, epoch, lease, beat, issued, work, look = instance
    if not issued:
        return instance
    known = 0
    for _, of, token in asked:
        if of == epoch:
            known |= 1 << token
    for row, *_ in updates:
        if row is not None and row.epoch == epoch:
            known |= 1 << row.token
    if not issued & ~known:
        return instance
    return Instance(phase, epoch, lease, beat, issued & known, work, look)
