"""The provider's limits on creates, kept by one leader after the other."""

from __future__ import annotations

import random

import pytest

from svc.jobs.pace import CREATES, GAP, LONGEST_WAIT, RUNNING, WINDOW, Pace

START = 1000.0
# After this a new leader's caution is over.
QUIET = START + WINDOW


def test_a_burst_leaves_at_once_and_the_rest_in_order() -> None:
    """Twenty in ten seconds; who comes later has a place, and is let in when that comes."""
    pace = Pace(START)
    waits = [pace.wait_for(job_id, 0, QUIET) for job_id in range(40)]
    assert waits[:CREATES] == [0.0] * CREATES
    assert waits[CREATES:] == sorted(waits[CREATES:])
    assert min(waits[CREATES:]) > 0


def test_a_new_leader_takes_the_one_before_for_busy() -> None:
    """It does not know how many that one has made: its own first creates leave half a second apart."""
    pace = Pace(START)
    assert pace.wait_for(1, 0, START) > 0
    assert pace.wait_for(1, 0, START + GAP) == 0.0
    assert pace.wait_for(2, 0, START + GAP) > 0
    assert pace.wait_for(2, 0, START + 2 * GAP) == 0.0


def test_nothing_leaves_while_the_provider_has_its_hundred() -> None:
    """However slowly they come."""
    pace = Pace(START)
    assert 0 < pace.wait_for(1, RUNNING, QUIET) <= LONGEST_WAIT
    assert 0 < pace.wait_for(1, RUNNING + 5, QUIET + 100) <= LONGEST_WAIT
    assert pace.wait_for(1, RUNNING - 1, QUIET + 200) == 0.0


def test_who_waits_is_not_overtaken() -> None:
    """A job that comes while others have places gets one behind them, also when there is room just then."""
    pace = Pace(START)
    for job_id in range(CREATES):
        assert pace.wait_for(job_id, 0, QUIET) == 0.0
    places = {job_id: QUIET + pace.wait_for(job_id, 0, QUIET) for job_id in range(100, 110)}
    newcomer = pace.wait_for(999, 0, max(places.values()) - 0.01)
    assert newcomer > 0


@pytest.mark.parametrize("seed", range(20))
def test_no_ten_seconds_have_more_than_twenty(seed: int) -> None:
    """Whenever jobs come, and though they come back only about when they were told to; and every one leaves."""
    rng = random.Random(seed)
    pace = Pace(START)
    due = {job_id: START + rng.uniform(0, 30) for job_id in range(150)}
    made: list[float] = []
    while due:
        job_id = min(due, key=lambda each: due[each])
        now = due.pop(job_id)
        wait = pace.wait_for(job_id, 0, now)
        assert wait <= LONGEST_WAIT + 1e-6
        if wait:
            due[job_id] = now + wait + rng.uniform(0, 0.6)
        else:
            made.append(now)
    assert all(later - earlier >= WINDOW for earlier, later in zip(made, made[CREATES:], strict=False))
    assert made[-1] < START + 30 + 150 * GAP * 2


def test_what_waits_is_forgotten_in_time() -> None:
    """Jobs that never come for their place, being cancelled, leave nothing behind."""
    pace = Pace(START)
    for job_id in range(1000):
        pace.wait_for(job_id, RUNNING, START + job_id)
    assert len(pace._places) < 100
