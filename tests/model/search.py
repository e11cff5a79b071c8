"""Breadth first through every reachable state: the first violation found has the shortest trace."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.model.invariants import Broken, check
from tests.model.reduction import reduced
from tests.model.rules import Rules
from tests.model.state import Label, State
from tests.model.steps import first_state, steps

Trace = list[tuple[Label, State]]
LIMIT = 2_000_000


class TooManyStates(Exception):
    """The bounds let the search grow beyond its limit: nothing has been proved."""


@dataclass(slots=True)
class Result:
    """What a search has seen. Complete if nothing is broken."""

    came_from: dict[State, tuple[State, Label] | None] = field(default_factory=dict)
    broken: Broken | None = None
    at: State | None = None

    @property
    def states(self) -> int:
        """How many were seen."""
        return len(self.came_from)

    def trace(self, state: State) -> Trace:
        """The shortest way to `state`: every step and the state after it."""
        way: Trace = []
        while (step := self.came_from[state]) is not None:
            before, label = step
            way.append((label, state))
            state = before
        return way[::-1]

    @property
    def story(self) -> str:
        """The shortest trace to the violation, in one line."""
        if self.broken is None or self.at is None:
            return f"{self.states} states, nothing broken"
        way = " ".join(str(label) for label, _ in self.trace(self.at))
        return f"{self.states} states, {self.broken.guarantee}: {self.broken.how}: {way}"


Check = Callable[[State, Rules], Broken | None]


def explore(rules: Rules, initial: State | None = None, *, limit: int = LIMIT, check: Check = check) -> Result:
    """Search until a guarantee is broken or every state has been seen."""
    with _no_garbage():
        return _explore(rules, initial or first_state(rules), limit, check)


def _explore(rules: Rules, initial: State, limit: int, check: Check) -> Result:
    result = Result({initial: None})
    level = [initial]
    while level:
        following: list[State] = []
        for before, label, after in _new(level, rules, result):
            result.came_from[after] = (before, label)
            broken = check(after, rules)
            if broken is not None:
                result.broken, result.at = broken, after
                return result
            following.append(after)
        if result.states > limit:
            raise TooManyStates(f"more than {limit} states")
        level = following
    return result


def _new(level: list[State], rules: Rules, result: Result) -> Iterator[tuple[State, Label, State]]:
    seen = result.came_from
    for before in level:
        for label, step in steps(before, rules):
            # Most steps change nothing, or lead to what has been seen.
            if step is before or step in seen:
                continue
            after = reduced(step, rules)
            if after not in seen:
                yield before, label, after


def reach(rules: Rules, *goals: Callable[[State], bool]) -> Trace:
    """A shortest way to a state that is the first goal, on from there to the second, and so on."""
    way: Trace = []
    state = first_state(rules)
    for number, goal in enumerate(goals):
        result = explore(rules, state, check=lambda found, _: Broken("goal", "reached") if goal(found) else None)  # noqa: B023
        if result.at is None:
            raise LookupError(f"no way to goal {number}")
        state = result.at
        way += result.trace(state)
    return way


@contextmanager
def _no_garbage() -> Iterator[None]:
    """A search makes tuples only, which hold no cycles: looking for some would take half of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
