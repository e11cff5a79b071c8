"""How long nobody was answered when the lead went over, from calls, halts and terms as they become known."""

from __future__ import annotations

import pytest

from demo.score.handovers import Handovers

Told = list[tuple[str, float, float]]


@pytest.fixture
def told() -> Told:
    return []


def handovers(told: Told, *, people_write: bool = True) -> Handovers:
    """The first leads from 100 on, and has answered at 109.5."""
    watched = Handovers(lambda action, gap, at: told.append((action, round(gap, 3), at)), lambda: people_write)
    watched.leads("first", 100)
    watched.called("first", 101)
    watched.called("first", 109.5)
    return watched


def test_from_the_last_call_to_the_first(told: Told) -> None:
    """A deploy: what the old one still sends while it drains counts; only the first call of the new one ends it."""
    watched = handovers(told)
    watched.because("deploy", 109)
    watched.called("first", 110)
    watched.leads("second", 110.1)
    watched.called("second", 110.25)
    watched.called("second", 110.5)
    assert told == [("deploy", 0.25, 110.25)]


def test_from_the_kill(told: Told) -> None:
    """Who is killed between two calls could have called until then."""
    watched = handovers(told)
    watched.because("crash", 110)
    watched.halted("first", 110)
    watched.leads("second", 110.2)
    watched.called("second", 110.3)
    assert told == [("crash", 0.3, 110.3)]


def test_a_call_may_be_known_before_the_term(told: Told) -> None:
    """The log is read a little later than the calls come."""
    watched = handovers(told)
    watched.called("second", 110.3)
    watched.called("second", 110.4)
    watched.leads("second", 110.2)
    assert told == [("", 0.8, 110.3)]


def test_a_late_call_of_the_old_one_is_none_of_the_next_term(told: Told) -> None:
    """What a frozen instance had on the way is read after another leads: it does not lead again by that."""
    watched = handovers(told)
    watched.leads("second", 112)
    watched.called("second", 112.1)
    watched.called("first", 113)
    watched.leads("first", 115)
    watched.called("first", 115.5)
    assert [at for _, _, at in told] == [112.1, 115.5]


@pytest.mark.parametrize(("people_write", "count"), [(True, 1), (False, 0)])
def test_where_nobody_writes_a_gap_means_nothing(told: Told, people_write: bool, count: int) -> None:
    """Nobody was answered for ten seconds because nobody had said anything."""
    watched = handovers(told, people_write=people_write)
    watched.leads("second", 115)
    watched.called("second", 119.5)
    assert len(told) == count


def test_after_a_minute_it_is_nobodys_doing(told: Told) -> None:
    watched = handovers(told)
    watched.because("freeze", 20)
    watched.leads("second", 110)
    watched.called("second", 110.1)
    assert told == [("", 0.6, 110.1)]
