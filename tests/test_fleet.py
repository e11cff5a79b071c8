"""The checks that the tests with real instances rely on, over histories made by hand: each finds what it is for."""

from __future__ import annotations

import pytest

from fleet.bot_api import BotApiCall
from fleet.history import ActiveSpan, Halt, History, stray_calls
from fleet.promises import Ledger, LedgerEntry, wrong_menus

FIRST, SECOND = ActiveSpan(1, 10.0), ActiveSpan(2, 20.0)


def called(*times: float) -> list[BotApiCall]:
    return [BotApiCall("sendMessage", 7, time) for time in times]


def test_calls_within_the_caller_s_term_are_in_order() -> None:
    """One after the other, each until the next one's term begins."""
    assert list(stray_calls([History([FIRST], called(10.0, 19.9)), History([SECOND], called(20.0, 99.0))])) == []


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        (History([], called(15.0)), "outside of []"),
        (History([FIRST], called(9.9)), "outside of"),
        (History([ActiveSpan(1, 10.0, 15.0)], called(15.2)), "outside of"),
        (History([ActiveSpan(1, 10.0, 19.95)], called(20.01)), "a later one began at 20.0"),
        (History([FIRST], called(20.1)), "a later one began at 20.0"),
        (History([FIRST], called(25.1), [Halt(18.0, 25.0)]), "a later one began at 20.0"),
    ],
    ids=[
        "never active",
        "before",
        "after the release",
        "read late in a later term",
        "in a later term",
        "woken in a later term",
    ],
)
def test_a_call_by_who_was_not_active_is_found(instance: History, words: str) -> None:
    (fault,) = stray_calls([instance, History([SECOND])])
    assert fault.startswith("instance 0 called")
    assert words in fault


@pytest.mark.parametrize("halt", [Halt(18.0), Halt(18.0, 25.0)], ids=["killed", "stopped"])
def test_what_was_on_the_way_when_the_process_was_halted_is_no_fault(halt: Halt) -> None:
    assert list(stray_calls([History([FIRST], called(21.0), [halt]), History([SECOND])])) == []


def test_what_is_read_a_little_late_is_no_fault() -> None:
    """It was written before the release: a busy machine reads it a moment after."""
    assert list(stray_calls([History([ActiveSpan(1, 10.0, 15.0)], called(15.05)), History([SECOND])])) == []


@pytest.mark.parametrize("second", [ActiveSpan(1, 20.0), ActiveSpan(0, 20.0)], ids=["twice", "backwards"])
def test_terms_out_of_order_are_found(second: ActiveSpan) -> None:
    (fault,) = stray_calls([History([FIRST]), History([second])])
    assert "terms did not begin in their order" in fault


@pytest.mark.parametrize(
    ("entry", "processed", "menus", "wrong"),
    [
        (LedgerEntry("done", 0), True, 1, False),
        (LedgerEntry("done", 1), True, 2, False),
        (LedgerEntry("in_doubt", 0), False, 1, False),
        (LedgerEntry("in_doubt", 0), False, 0, False),
        (LedgerEntry("done", 0), True, 0, True),
        (LedgerEntry("done", 0), True, 2, True),
        (LedgerEntry("in_doubt", 0), False, 2, True),
    ],
)
def test_menus_are_one_and_one_for_each_doubt(entry: LedgerEntry, processed: bool, menus: int, wrong: bool) -> None:
    """None is too few once the update is done, and two are too many unless the first was in doubt."""
    ledger = Ledger({}, {100: entry}) if processed else Ledger({100: entry}, {})
    assert wrong_menus(ledger, users={100: 7}, menus={7: menus}) == ({7: (menus, entry)} if wrong else {})
