"""The steps of looking for a send in doubt, and those of Telegram meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model import looks
from tests.model.rules import Rules
from tests.model.state import NO_TOKEN, Instance, Label, Look, Row, State
from tests.model.telegram import Sent

Step = tuple[Label, State]


def looking(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    """A look is claimed, asks Telegram, and is recorded; one at a time."""
    if not rules.looking:
        return
    look = instance.look
    if look is None:
        yield from _claim(state, rules, number, instance)
    elif look.verdict == "none":
        for told in _verdicts(state, rules, look):
            label = Label("probes", number, look.update, instance.epoch, look.token, told.verdict)
            yield label, _probed(state, rules, told).with_instance(number, instance.with_look(told))
    else:
        after, outcome = looks.settle_look(state, rules, number, instance.epoch, look)
        label = Label("settle_look", number, look.update, instance.epoch, look.token, f"{look.verdict}: {outcome}")
        yield label._replace(detail=f"{label.detail}, unheard"), after
        if outcome in ("look_again", "send"):
            after = _looked(after, look.update)
        yield label, after.with_instance(number, after.instances[number].with_look(None))


def _claim(state: State, rules: Rules, number: int, instance: Instance) -> Iterator[Step]:
    held = instance.work.token if instance.work else NO_TOKEN
    for update, (row, *_) in enumerate(state.updates):
        if row is None or row.looks >= rules.looks:
            continue
        after, look = looks.claim_look(state, rules, number, instance.epoch, update, held)
        label = Label("looks", number, update, instance.epoch, held, "" if look else "nothing")
        yield label, after.with_instance(number, instance.with_look(look))
        if look:
            yield label._replace(detail="unheard"), after


def _verdicts(state: State, rules: Rules, look: Look) -> Iterator[Look]:
    """What Telegram lets it say; of what ends in a doubt only as much as the search is to have."""
    row = state.updates[look.update].row
    ours = _ours(state, rules, row) if row is not None else []
    may_doubt = state.updates[look.update].doubts < rules.doubts
    again = look.number < rules.most_looks
    if _may_mistake(state, rules, look.update) or len(ours) > 1:
        yield look._replace(verdict="untold")
    elif ours:
        yield look._replace(verdict="found", place=ours[0])
    elif _settled(state, rules, look) and (again or may_doubt or look.absent + 1 >= rules.absent_looks):
        yield look._replace(verdict="absent")
    if may_doubt:
        yield look._replace(verdict="untold")
    if again or may_doubt:
        yield look._replace(verdict="unsure")


def _ours(state: State, rules: Rules, row: Row) -> list[int]:
    """The places above the watermark at which a probe says that the message is the bot's own."""
    unknown = state.telegram.unknown
    return [
        place
        for place in range(row.watermark, len(unknown))
        if unknown[place].seen and (unknown[place].kind != "other" or not rules.probes_its_own_chat)
    ]


def _may_mistake(state: State, rules: Rules, number: int) -> bool:
    """Whether an earlier update may have left a message in the chat that looks like this one's."""
    earlier = state.updates[:number]
    doubts = rules.doubts_are_remembered and any(update.done for update in earlier)
    return doubts or (rules.resends_are_remembered and any(update.resent for update in earlier))


def _settled(state: State, rules: Rules, look: Look) -> bool:
    """The second look in turn comes late enough: what was sent has been carried out and is seen, or never will be."""
    return look.absent == 0 or rules.late_beyond_looks or state.telegram.all_seen(look.update)


def _probed(state: State, rules: Rules, told: Look) -> State:
    """A probe can only be refused. Where it is an edit, it edits what it finds."""
    if rules.probe_is_refused or told.verdict != "found":
        return state
    return state._replace(slips=state.slips._replace(edited=True))


def _looked(state: State, number: int) -> State:
    update = state.updates[number]
    return state.with_update(number, update._replace(looked=update.looked + 1))


# Telegram.


def fates(called: State, rules: Rules, number: int) -> Iterator[tuple[str, State]]:
    """What may become of a call that has just left: carried out at once, later, or never."""
    instance = called.instances[number]
    work = instance.work
    assert work is not None
    update = work.update
    unheard = called.with_instance(number, instance.with_work(work._replace(stage="unheard")))
    yield "arrives", arrives(called, update, Sent("reply", update))
    if rules.not_found_too_early:
        yield "arrives, not seen yet", arrives(called, update, Sent("reply", update, seen=False))
    if not rules.ids_grow:
        yield "arrives, below all", _counted(called, update)
    telegram = called.telegram
    if update not in telegram.late:
        yield "late", unheard.with_telegram(telegram._replace(late=tuple(sorted((*telegram.late, update)))))
    yield "lost", unheard


def telegram(state: State, rules: Rules) -> Iterator[Step]:
    """What happens at Telegram by itself."""
    if not rules.looking:
        return
    here = state.telegram
    if here.top < len(here.unknown):
        # Somebody writes: the greatest id that is known is now above all of the bot's.
        yield Label("somebody_writes"), state.with_telegram(here._replace(top=len(here.unknown)))
    if sum(each.kind == "other" for each in here.unknown) < rules.others:
        yield Label("another_chat_is_answered"), state.with_telegram(here.with_message(Sent("other")))
    for update in sorted(set(here.late)):
        gone = state.with_telegram(here.without_late(update))
        yield Label("arrives_late", update=update), arrives(gone, update, Sent("late", update))
        yield Label("never_arrives", update=update), gone
    for place, each in enumerate(here.unknown):
        if not each.seen:
            unknown = (*here.unknown[:place], each._replace(seen=True), *here.unknown[place + 1 :])
            yield Label("is_seen", update=each.update), state.with_telegram(here._replace(unknown=unknown))
    yield from _apology(state, rules)


def _apology(state: State, rules: Rules) -> Iterator[Step]:
    """The apology for an update that is over, outside of any row: nothing waits for it (mutant)."""
    over = state.updates[0].done is not None and state.lock is not None
    if rules.apologies_in_rows or not over or any(each.kind == "apology" for each in state.telegram.unknown):
        return
    yield Label("apology", update=0), state.with_telegram(state.telegram.with_message(Sent("apology", 0)))


def arrives(state: State, number: int, message: Sent) -> State:
    """A call for this update is carried out."""
    return _counted(state.with_telegram(state.telegram.with_message(message)), number)


def _counted(state: State, number: int) -> State:
    update = state.updates[number]
    return state.with_update(number, update._replace(sends=update.sends + 1))
