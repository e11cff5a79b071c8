"""`svc demo --headless`: steps of the tour in a terminal, with a live table and a verdict at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from typing import Protocol, TextIO

import trio

from demo.instance import Ended
from demo.lines import Lines
from demo.report import Report
from demo.screen import Screen
from demo.steps.waiting import comes
from demo.system import System, running_system
from demo.tour import Tour
from demo.views import ScoreView, StepView
from sandbox.postgres import PostgresFailed
from svc.observability.errors import leaves
from svc.operations.exit_codes import DONE, FAILED, INTERRUPTED

SCRIPTS = {
    "deploy": ("deploy",),
    "crash": ("crash",),
    "freeze": ("freeze",),
    "all": ("start", "deploy", "crash", "freeze", "picture"),
}
"""The names of the scripts, and the steps that each goes through."""

SETTLED_WITHIN = 20.0
"""Seconds in which everybody is answered when the steps are over and nobody writes any more."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Display(Protocol):
    """Where a show can be seen."""

    def progress(self, text: str) -> None:
        """What is being set up."""

    def step(self, view: StepView) -> None:
        """A step has changed."""

    async def follow(self, system: System) -> None:
        """Show the system as it is, until cancelled."""

    def verdict(self, report: Report) -> None:
        """What came of it."""


async def run_show(script: str, *, bot: str | None, as_json: bool) -> int:
    """Run a script. Returns the exit code: 0 if nothing was lost and nothing came twice, else 1; 130 if a signal came.

    With `as_json` nothing but one JSON object is printed to stdout, at the end. Raises KeyError for an unknown script,
    and BrokenPipeError (in a group) where whoever read what is printed has gone.
    """
    display = _display(sys.stderr if as_json else sys.stdout)
    show = _Show(script, bot, display)
    try:
        await show.run()
    except* (PostgresFailed, Ended, trio.TooSlowError) as group:
        why = "; ".join(str(error) or "something did not come up in time" for error in leaves(group))
        print(f"svc demo: {why}", file=sys.stderr)
        return_code = FAILED
    else:
        return_code = INTERRUPTED if show.report is None else DONE if show.report.kept else FAILED
    if show.report is not None:
        display.verdict(show.report)
        if as_json:
            print(show.report.as_json(), flush=True)
    return return_code


class _Show:
    """One show; `report` is what came of it, None as long as it has not come to its end."""

    def __init__(self, script: str, bot: str | None, display: Display) -> None:
        self.report: Report | None = None
        self._script = script
        self._steps = SCRIPTS[script]
        self._bot = bot
        self._display = display

    async def run(self) -> None:
        """Set everything up, go through the steps, and end all of it; a signal ends it before."""
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_at_signal, signals, nursery.cancel_scope)
                async with running_system(self._bot, self._display.progress) as system:
                    self.report = await self._play(system)
                nursery.cancel_scope.cancel(reason="the show is over")

    async def _play(self, system: System) -> Report:
        tour = Tour(system, self._display.step)
        possible = {view.name for view in tour.views()}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._display.follow, system)
            outcomes = {name: await tour.go(name) for name in self._steps if name in possible}
            score = await _settled(system)
            nursery.cancel_scope.cancel(reason="the steps are over")
        return Report(self._script, outcomes, score)


async def _settled(system: System) -> ScoreView:
    """Let nobody write any more, and wait until everybody is answered; the score then, or after SETTLED_WITHIN."""
    system.people.set_rate(0)

    def score() -> ScoreView:
        return system.score.view(system.sandbox.telegram.now())

    with trio.move_on_after(SETTLED_WITHIN):
        await comes(lambda: not score().waiting, every=0.1)
    return score()


async def _cancel_at_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for number in signals:
        scope.cancel(reason=signal.Signals(number).name)


def _display(out: TextIO) -> Display:
    """A live screen where that can be shown, else lines."""
    return Screen(out) if Screen.fits(out) else Lines(out)
