"""Breadth first through every reachable state of the model of jobs, and whether calm gets everything done from each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tests.model.jobs.laws import broken
from tests.model.jobs.rules import Rules
from tests.model.jobs.state import END, FRESH, START, State
from tests.model.jobs.steps import steps
from tests.model.search import LIMIT, TooManyStates

PATIENCE = 40


@dataclass(slots=True)
class Result:
    """What a search has seen. Complete if no law is broken."""

    came_from: dict[State, tuple[State, str] | None] = field(default_factory=dict)
    law: str | None = None
    at: State | None = None

    def trace(self, state: State) -> list[str]:
        """The steps of a shortest way to `state`."""
        way: list[str] = []
        while (step := self.came_from[state]) is not None:
            state, label = step
            way.append(label)
        return way[::-1]

    @property
    def story(self) -> str:
        """What was found, in one line."""
        if self.at is None:
            return f"{len(self.came_from)} states, nothing broken"
        return f"{len(self.came_from)} states, {self.law}: {' '.join(self.trace(self.at))}"


def explore(rules: Rules, check: Callable[[State], str | None] = broken, initial: State = State()) -> Result:  # noqa: B008
    """Search until `check` names a law that is broken, or every state has been seen."""
    result = Result({initial: None})
    level = [initial]
    while level:
        following: list[State] = []
        for before in level:
            for label, after in steps(before, rules):
                if after in result.came_from:
                    continue
                result.came_from[after] = before, label
                if (law := check(after)) is not None:
                    result.law, result.at = law, after
                    return result
                following.append(after)
        if len(result.came_from) > LIMIT:
            raise TooManyStates(f"more than {LIMIT} states")
        level = following
    return result


def way_to(rules: Rules, goal: Callable[[State], bool]) -> list[str]:
    """A shortest way to a state; raises LookupError if there is none."""
    result = explore(rules, lambda state: "reached" if goal(state) else None)
    if result.at is None:
        raise LookupError("no way there")
    return result.trace(result.at)


# Whatever has happened: in calm, the job ends and both rows are done.

_CALM = (
    *(
        "asker_settles",
        "settles",
        "records_answered",
        "records_refused",
        "answer_comes",
        "call_is_carried_out",
        "calls",
    ),
    *("finds", "finds_nothing", "begins", "create_is_carried_out", "create_leaves", "begin_create", "asks_to_create"),
    *("identifies", "task_is_over", "end_job", "hears_result", "knows_no_more", "leads"),
)


def stuck(result: Result, rules: Rules) -> list[State]:
    """The states of a search from which calm does not get everything done."""
    calm = {calmed for state in result.came_from for calmed in _calmed(state)}
    return [state for state in calm if not _settles(state, rules)]


def _calmed(state: State) -> Iterator[State]:
    """The processes have ended, and what was on its way has come to something."""
    ends = state._replace(processes=(FRESH, FRESH), leader=-1, late_create=False, late_sends=(False, False))
    ends = ends._replace(unheard=state.unheard or state.job.state == "submitting")
    yield ends


def _settles(state: State, rules: Rules) -> bool:
    calm = replace(rules, epochs=state.epoch + 1, creates=state.job.token + 1, attempts=99)
    for _ in range(PATIENCE):
        if _everything_is_done(state):
            return broken(state) is None
        possible = {label.partition(".")[2].partition("(")[0] or label: after for label, after in steps(state, calm)}
        action = next((action for action in _CALM if action in possible), None)
        if action is None:
            return False
        state = possible[action]
    return False


def _everything_is_done(state: State) -> bool:
    told = state.rows[END].state == "done" and state.job.state in ("delivered", "failed", "unknown")
    return told and state.rows[START].state in ("none", "done")
