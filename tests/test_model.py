"""The protocol of leadership and inbox, searched exhaustively; what the model is: `tests/model/__init__.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from svc.storage.inbox import SENDS_IN_DOUBT
from tests.model.calm import stuck
from tests.model.invariants import Broken, check, check_looking, doubt_is_said, one_effect
from tests.model.rules import (
    BASE,
    CORRECT,
    DISORDERED,
    KILLED,
    LATE,
    LOOKING,
    LOOKING_MUTANTS,
    MUTANTS,
    Rules,
)
from tests.model.search import TooManyStates, explore, reach
from tests.model.state import Row, State

SMALL = replace(BASE, clock=False, same_chat=True, late_begins=False)

Say = Callable[[str], None]


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """Print a line although pytest captures the output."""

    def say(line: str) -> None:
        with capfd.disabled():
            print(f"\n  {line}", end=" ")

    return say


# Of the correct protocol, the searches that take no more than a few seconds.
SMALLEST = ("doubts", "looks")


@pytest.mark.parametrize(
    "bounds", [pytest.param(name, marks=[] if name in SMALLEST else [pytest.mark.exhaustive]) for name in CORRECT]
)
def test_no_guarantee_is_ever_broken(bounds: str, say: Say) -> None:
    """In every reachable state G2, G3, G5, G6 and G7 hold, and from every one calm gets everything done (G4).

    With looks that is exactly one message for each update, unless a doubt is on record; looking ends.
    """
    rules = CORRECT[bounds]
    result = explore(rules)
    say(f"{bounds}: {result.story}")
    assert result.broken is None, result.story
    assert stuck(result, rules) == []
    assert result.states > 10_000


@pytest.mark.parametrize("name", [*MUTANTS, *LOOKING_MUTANTS])
def test_a_protocol_without_one_defence_is_caught(name: str, say: Say) -> None:
    """The shortest trace leads to the guarantee that the missing defence keeps."""
    rules, guarantee = {**MUTANTS, **LOOKING_MUTANTS}[name]
    result = explore(rules)
    say(f"{name}: {result.story}")
    assert result.broken is not None
    assert result.broken.guarantee == guarantee


@pytest.mark.exhaustive
def test_a_lost_answer_and_no_sweep_leave_a_row_to_nobody() -> None:
    """begin that returns its own row and the sweep stand in for each other; without both a row is stuck (G4)."""
    forgets, no_sweep = replace(SMALL, begin_returns_own_row=False), replace(SMALL, resolve_finds_lost=False)
    for rules in (forgets, no_sweep):
        result = explore(rules)
        assert result.broken is None
        assert stuck(result, rules) == []
    neither = replace(forgets, resolve_finds_lost=False)
    assert stuck(explore(neither), neither)


def test_a_late_begin_needs_the_sweep() -> None:
    """A begin that is executed after its attempt has ended leaves a row to nobody: only the sweep frees it (G4)."""
    late = replace(SMALL, late_begins=True, epochs=1)
    assert stuck(explore(late), late) == []
    no_sweep = replace(late, resolve_finds_lost=False)
    assert stuck(explore(no_sweep), no_sweep)


def test_what_an_ended_term_has_left_is_found_by_its_epoch() -> None:
    """Nothing else frees a row that is processing under an older term (G4): taking over does not touch it."""
    misses = replace(SMALL, resolve_finds_older_terms=False)
    result = explore(misses)
    assert result.broken is None
    assert stuck(result, misses)


@pytest.mark.exhaustive
def test_a_session_killed_at_the_server_breaks_the_lease_and_nothing_else(say: Say) -> None:
    """Its limit: if the session ends before its time the old holder sends on, for a moment. It begins nothing more,
    and every message is accounted for (G3, G7)."""
    way = reach(KILLED, sends_without_lock)
    say(f"killed: {' '.join(str(label) for label, _ in way)}")
    assert explore(KILLED, check=all_but_the_lease).broken is None


def test_a_killed_session_is_what_the_send_deadline_is_for() -> None:
    """Resent at once instead, an update can be finished by the new holder before the old one sends it."""
    result = explore(replace(KILLED, doubts_wait=False), check=all_but_the_lease)
    assert result.broken is not None
    assert result.broken.guarantee == "G3"


def test_both_updates_can_be_done_by_different_terms() -> None:
    """Not vacuous: the first is delivered and finished in one term, the second in the next, by the other instance."""
    way = reach(
        SMALL,
        lambda state: state.epoch == 1 and state.updates[0].done is not None and state.updates[1].sends == 0,
        lambda state: state.holder == 1 and state.epoch == 2 and state.updates[1].sends == 0,
        lambda state: all(update.done == 0 for update in state.updates),
    )
    assert [(label.owner, label.update, label.epoch) for label, _ in way if label.action == "call"] == [
        (0, 0, 1),
        (1, 1, 2),
    ]


def test_a_doubt_can_be_resent_and_be_a_second_message() -> None:
    """Not vacuous: the first term's call left, the next term resends, and finishes with the doubt on record."""

    def left_after_its_call(state: State) -> bool:
        update = state.updates[0]
        left = update.row is not None and update.row.state == "processing" and update.row.epoch < state.epoch
        return left and (update.sends, update.doubts) == (1, 0)

    way = reach(
        SMALL,
        left_after_its_call,
        lambda state: (state.updates[0].sends, state.updates[0].doubts) == (2, 1),
        lambda state: state.updates[0].done is not None,
    )
    actions = [label.action for label, _ in way]
    assert actions.count("call") == 2
    assert "resolve_doubts" in actions


def test_two_sends_in_doubt_are_the_last() -> None:
    """Not vacuous: an update can be sent twice, both times in doubt, and is dead then with both on record."""
    way = reach(replace(SMALL, doubts=2), lambda state: state.updates[0].dead and state.updates[0].sends == 2)
    assert way[-1][1].updates[0].done == 2


def test_an_update_can_begin_with_its_storing() -> None:
    """Not vacuous: once its chat is empty, the second update is stored and begun by one commit."""
    way = reach(replace(SMALL, second_arrives=True), lambda state: state.updates[1].done == 0)
    actions = [label.action for label, _ in way if label.update == 1]
    assert actions == ["asks_to_store", "store", "call", "delivered", "settle"]


def test_a_store_that_is_executed_late_can_begin_for_nobody() -> None:
    """Not vacuous: its sender has given the attempt up by then; the sweep finds the row, which is done all the same."""

    def given_up(state: State) -> bool:
        leader = state.instances[0]
        idle = leader.phase == "active" and leader.work is None
        return idle and any(message.kind == "store" for message in state.wire)

    def begun_for_nobody(state: State) -> bool:
        row = state.updates[1].row
        return row is not None and row.state == "processing" and not state.wire and state.instances[0].work is None

    way = reach(
        replace(SMALL, late_begins=True, epochs=1, second_arrives=True),
        given_up,
        begun_for_nobody,
        lambda state: state.updates[1].done is not None,
    )
    assert "resolve_doubts" in [label.action for label, _ in way if label.update == 1]
    assert way[-1][1].updates[1].sends == 1


def test_a_late_settlement_can_save_a_resend() -> None:
    """Not vacuous: the next term has begun, then the old one's settlement arrives and ends the row as done."""
    way = reach(
        SMALL,
        lambda state: bool(state.wire) and state.epoch == 2 and state.updates[0].row is not None,
        lambda state: state.updates[0].done == 0 and state.updates[0].sends == 1 and state.epoch == 2,
    )
    assert [label.action for label, _ in way].count("call") == 1


def test_both_instances_can_be_at_work_at_once() -> None:
    """Not vacuous: while the old holder, its lease over, waits for a call's answer, the new one sends."""
    rules = replace(SMALL, same_chat=False)

    def both_called(state: State) -> bool:
        return all(instance.work and instance.work.stage == "called" for instance in state.instances)

    assert check(reach(rules, both_called)[-1][1], rules) is None


# Looking for a send in doubt.


@pytest.mark.parametrize("switches", [("resolve_finds_older_terms",), ("resolve_finds_lost", "begin_returns_own_row")])
def test_what_nobody_looks_for_is_stuck(switches: tuple[str, ...]) -> None:
    """Only a look frees what an ended term has left processing, or a begin whose answer was lost (G4)."""
    misses = replace(LOOKING, looks=2, most_looks=2, **dict.fromkeys(switches, False))
    result = explore(misses)
    assert result.broken is None
    assert stuck(result, misses)


def test_a_call_that_is_late_is_found_by_the_second_look() -> None:
    """Not vacuous: the first look finds nothing, the call is carried out, the second finds it: one message."""
    way = reach(
        LOOKING,
        lambda state: row_of(state).absent == 1 and state.updates[0].sends == 0 and bool(state.telegram.late),
        lambda state: state.updates[0].done == 0,
    )
    assert way[-1][1].updates[0].sends == 1
    assert [label.action for label, _ in way].count("call") == 1


def test_what_was_lost_is_sent_again() -> None:
    """Not vacuous: the first call is never carried out, two looks find nothing, the second one is the only message."""

    def lost(state: State) -> bool:
        work = state.instances[0].work
        return work is not None and work.stage == "unheard" and not state.telegram.late and not state.updates[0].sends

    way = reach(
        LOOKING,
        lost,
        lambda state: row_of(state).resends == 1 and state.updates[0].sends == 0,
        lambda state: state.updates[0].done == 0,
    )
    assert [label.action for label, _ in way].count("call") == 2
    assert way[-1][1].updates[0].sends == 1


def test_looks_go_on_where_the_former_leader_stopped() -> None:
    """Not vacuous: one term looks and finds nothing, the next looks once more and sends."""
    way = reach(
        LOOKING,
        lambda state: state.epoch == 1 and row_of(state).absent == 1,
        lambda state: state.epoch == 2 and row_of(state).resends == 1,
    )
    assert [label.epoch for label, _ in way if label.action == "probes"] == [1, 2]


def test_an_owner_that_settles_late_ends_the_looks() -> None:
    """Not vacuous: the former leader hears its answer while the next one looks; the look is recorded on nothing."""
    way = reach(
        LOOKING,
        lambda state: state.epoch == 2 and row_of(state).claimed,
        lambda state: state.updates[0].done == 0 and state.updates[0].sends == 1,
    )
    assert way[-1][0].action == "settle"


def test_what_is_late_beyond_both_looks_is_a_second_message_and_no_more(say: Say) -> None:
    """The documented exception costs a second message; nobody loses one, looking ends, and nothing is edited."""
    result = explore(LATE, check=whatever_telegram_does)
    say(f"late: {result.story}")
    assert result.broken is None
    assert reach(LATE, lambda state: state.updates[0].sends == 2 and state.updates[0].doubts == 0)


def test_what_was_sent_again_has_to_be_remembered_for_that() -> None:
    """Otherwise the late message is taken for that of the chat's next update, which nobody gets (G4)."""
    result = explore(replace(LATE, resends_are_remembered=False), check=whatever_telegram_does)
    assert result.broken is not None
    assert result.broken.guarantee == "G4"


def test_ids_that_break_the_rules_lose_nothing(say: Say) -> None:
    """A message with an id below the watermark is never found: it comes again, nobody loses one, looking ends."""
    result = explore(DISORDERED, check=whatever_telegram_does)
    say(f"disordered: {result.story}")
    assert result.broken is None
    assert reach(DISORDERED, lambda state: state.updates[0].sends == 2 and state.updates[0].doubts == 0)


def test_ids_that_break_the_rules_are_no_worse_than_resend_if_what_is_sent_again_counts() -> None:
    """Without a bound on sending again, every ABSENT_LOOKS looks may be one message more; counted, two are the last."""
    as_built = replace(DISORDERED, looks=4, most_looks=4, epochs=1)
    assert reach(as_built, lambda state: state.updates[0].sends > SENDS_IN_DOUBT)
    capped = replace(as_built, doubts=1, resends_are_capped=True)
    assert explore(capped, check=no_worse_than_resend).broken is None


def test_a_limit_is_no_proof() -> None:
    """A search that grows too large fails rather than pass unfinished."""
    with pytest.raises(TooManyStates):
        explore(SMALL, limit=100)


def all_but_the_lease(state: State, _rules: Rules) -> Broken | None:
    """What must hold even if a session ends before its time."""
    for guarantee, invariant in (("G3", one_effect), ("G7", doubt_is_said)):
        how = invariant(state)
        if how is not None:
            return Broken(guarantee, how)
    return Broken("G5", "begun out of term") if state.slips.begun_out_of_term else None


def sends_without_lock(state: State) -> bool:
    return state.slips.sent_without_lock


def whatever_telegram_does(state: State, rules: Rules) -> Broken | None:
    """What must hold even if messages are late beyond both looks, or their ids break the rules."""
    return check_looking(state, rules)


def no_worse_than_resend(state: State, rules: Rules) -> Broken | None:
    """Besides, no more messages than without looking."""
    if any(update.sends > SENDS_IN_DOUBT for update in state.updates):
        return Broken("G3", "a message is sent more often than without looking")
    return check_looking(state, rules)


def row_of(state: State) -> Row:
    """The first update's row; an untouched one where it has none."""
    return state.updates[0].row or Row()
