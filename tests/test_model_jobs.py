"""The protocol of jobs, searched exhaustively; what the model is: `tests/model/jobs/__init__.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.model.jobs.rules import ALONE, CORRECT, MUTANTS, WIDER
from tests.model.jobs.search import explore, stuck, way_to
from tests.model.jobs.state import END, OWN, START

TWO_TERMS = CORRECT["beside another update"]


@pytest.mark.parametrize("bounds", [*CORRECT, *(pytest.param(name, marks=pytest.mark.exhaustive) for name in WIDER)])
def test_no_law_of_jobs_is_ever_broken(bounds: str) -> None:
    """In every reachable state; and from every one, in calm, the job ends, is told, and the chat's answers are sent."""
    rules = {**CORRECT, **WIDER}[bounds]
    result = explore(rules)
    assert result.law is None, result.story
    assert len(result.came_from) > 10_000
    assert stuck(result, rules) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_jobs_without_one_defence_are_caught(name: str, record_property: Callable[[str, object], None]) -> None:
    """The shortest trace leads to the law that the missing defence keeps."""
    rules, law = MUTANTS[name]
    result = explore(rules)
    record_property("story", result.story)
    assert result.law == law, result.story


def test_a_job_can_be_handed_in_by_one_term_and_told_by_the_next() -> None:
    """Not vacuous: created in the first, delivered in the second."""
    way = way_to(ALONE, lambda state: state.job.state == "delivered" and (state.epoch, state.job.epoch) == (2, 1))
    assert sum(label.endswith("create_is_carried_out") for label in way) == 1


def test_a_create_in_doubt_can_be_recognised_by_its_callback() -> None:
    """Not vacuous: nobody has heard the answer, and the job is delivered all the same."""
    way = way_to(ALONE, lambda state: state.unheard and state.job.state == "delivered" and state.job.task == OWN)
    assert any(label.endswith("identifies") for label in way)


def test_what_cannot_be_told_ends_as_unknown() -> None:
    """Not vacuous: the answer is lost, no callback comes, and the person is told."""
    way_to(ALONE, lambda state: state.job.state == "unknown" and state.created == 1 and state.rows[END].state == "done")


def test_an_update_in_the_middle_of_a_job_is_answered_before_its_end() -> None:
    """Not vacuous: /start does not wait for a job that is under way, nor the job for /start."""
    way_to(TWO_TERMS, lambda state: state.rows[START].state == "done" and state.job.state == "running")
    way_to(TWO_TERMS, lambda state: state.rows[END].state == "done" and state.rows[START].state == "none")
