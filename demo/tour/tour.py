"""The tour: five things to see. Each does something to the system, watches it, and ends with what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from demo.instances.instance import Ended
from demo.refused import Refused
from demo.tour.steps import crash, deploy, freeze, picture, start
from demo.tour.steps.step import Outcome as Outcome
from demo.tour.steps.step import Say as Say
from demo.tour.steps.step import Step as Step
from demo.tour.steps.step import StepFailed
from demo.views import StepView

if TYPE_CHECKING:
    from demo.system import System

STEPS: tuple[Step, ...] = (start.STEP, deploy.STEP, crash.STEP, freeze.STEP, picture.STEP)
"""start, deploy, crash, freeze, picture."""
DEADLINE = 60.0
"""Seconds that a step has."""


class Busy(Exception):
    """Another step is under way."""


class Tour:
    """Which steps were gone, which one is under way, and what came of them. One runs at a time.

    With another bot than this project's own, the steps that are a conversation with that are left out. `changed` is
    told of each step that has changed, as it is now.
    """

    def __init__(self, system: System, changed: Callable[[StepView], object] = lambda _: None) -> None:
        self._system = system
        self._changed = changed
        self._steps = {step.name: step for step in STEPS if system.own_bot or not step.own_bot}
        self._views = {name: _ready(step) for name, step in self._steps.items()}
        self._running: Step | None = None

    async def go(self, name: str) -> Outcome:
        """Run one step. Raises LookupError for an unknown name, Busy while another runs."""
        if name not in self._steps:
            raise LookupError(f"there is no step {name!r}")
        if self._running is not None:
            raise Busy(f"“{self._running.title}” is still under way.")
        step = self._running = self._steps[name]
        view = _ready(step)
        try:
            self._show(replace(view, state="running"))
            outcome = await self._outcome(step)
            view = replace(view, state="done" if outcome.kept else "failed")
            view = replace(view, sentence=outcome.sentence, figures=outcome.figures)
        finally:
            self._running = None
            self._show(view)
        return outcome

    def views(self) -> tuple[StepView, ...]:
        """The steps as the page shows them."""
        return tuple(self._views.values())

    async def _outcome(self, step: Step) -> Outcome:
        """How a step ends; one that cannot go on has kept nothing, and says why."""

        def say(doing: str) -> None:
            self._show(replace(self._views[step.name], doing=doing))

        try:
            with trio.fail_after(DEADLINE):
                return await step.run(self._system, say)
        except trio.TooSlowError:
            return Outcome(False, f"This has taken too long: {self._views[step.name].doing or step.title}.")
        except (StepFailed, Refused) as error:
            return Outcome(False, str(error))
        except Ended as error:
            return Outcome(False, f"This broke off, for {error}.")

    def _show(self, view: StepView) -> None:
        self._views[view.name] = view
        self._changed(view)


def _ready(step: Step) -> StepView:
    return StepView(step.name, step.title, step.text, "ready")
