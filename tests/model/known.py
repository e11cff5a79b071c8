"""What is known of message ids: which have been told, and which is the greatest."""

from __future__ import annotations

from tests.model.rules import Rules
from tests.model.state import Instance, State, Update


def watermarks(state: State, rules: Rules) -> set[int]:
    """What an attempt may take for the greatest id that is known: that of the update's own message, or one above."""
    return {0, state.telegram.top} if rules.looking else {0}


def answer_is_known(state: State, rules: Rules, number: int) -> State:
    """The answer to the update's send has told the id of its message."""
    unknown = state.telegram.unknown
    places = [place for place, each in enumerate(unknown) if (each.kind, each.update) == ("reply", number)]
    return is_known(state, rules, places[-1]) if places else state


def is_known(state: State, rules: Rules, place: int) -> State:
    """The message at this place needs no looking for any more, and those above it move up."""
    after = state.with_telegram(state.telegram.known(place, kept=not rules.known_are_left_out))
    if not rules.known_are_left_out:
        return after
    first, second = after.updates
    one, two = after.instances
    return after._replace(
        updates=(_update(first, place), _update(second, place)),
        instances=(_instance(one, place), _instance(two, place)),
    )


def _update(update: Update, place: int) -> Update:
    row = update.row
    if row is None or row.watermark <= place:
        return update
    return update._replace(row=row._replace(watermark=row.watermark - 1))


def _instance(instance: Instance, place: int) -> Instance:
    work, look = instance.work, instance.look
    if work is not None and work.watermark > place:
        instance = instance.with_work(work._replace(watermark=work.watermark - 1))
    if look is not None and look.place > place:
        instance = instance.with_look(look._replace(place=look.place - 1))
    return instance
