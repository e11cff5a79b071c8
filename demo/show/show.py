"""`svc demo --headless`: steps of the tour in a terminal, with a live table and a verdict at the end."""

from __future__ import annotations

import sys
from typing import Protocol, TextIO

import trio

from demo.running import running_system
from demo.show.lines import Lines
from demo.show.report import Report
from demo.show.screen import Screen
from demo.system import System
from demo.tour.tour import Tour
from demo.views import ScoreView, StepView
from fleet.waiting import comes

SCRIPTS = {
    "deploy": ("deploy",),
    "crash": ("crash",),
    "freeze": ("freeze",),
    "all": ("start", "deploy", "crash", "freeze", "picture"),
}
"""The names of the scripts, and the steps that each goes through."""

STANDBY_WITHIN = 20.0
"""Seconds that Postgres has for its standby; a show can do without."""
SETTLED_WITHIN = 20.0
"""Seconds in which everybody is answered when the steps are over and nobody writes any more."""


class Display(Protocol):
    """Where a show can be seen."""

    def progress(self, text: str) -> None:
        """What is being set up, or ended."""

    def step(self, view: StepView) -> None:
        """A step has changed."""

    async def follow(self, system: System) -> None:
        """Show the system as it is, until cancelled."""

    def verdict(self, report: Report) -> None:
        """What came of it."""


async def run_show(script: str, *, bot: str | None, as_json: bool) -> int:
    """Run a script. Returns the exit code: 0 if nothing was lost and nothing came twice, else 1.

    With `as_json` nothing but one JSON object is printed to stdout, at the end. Raises KeyError for an unknown script,
    and what `running_system` raises.
    """
    display = _display(sys.stderr if as_json else sys.stdout)
    async with running_system(bot, display.progress) as system:
        display.progress("a standby of Postgres")
        await _standby(system)
        report = await _play(script, system, display)
        display.progress("everything ends")
    display.verdict(report)
    if as_json:
        print(report.as_json(), flush=True)
    return 0 if report.kept else 1


async def _play(script: str, system: System, display: Display) -> Report:
    """Go through the steps; those that this bot has no part in are left out."""
    tour = Tour(system, display.step)
    possible = {view.name for view in tour.views()}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(display.follow, system)
        outcomes = {name: await tour.go(name) for name in SCRIPTS[script] if name in possible}
        score = await _settled(system)
        nursery.cancel_scope.cancel(reason="the steps are over")
    return Report(script, outcomes, score)


async def _standby(system: System) -> None:
    """Wait until Postgres has its standby: while that is made, figures are those of a busy machine."""
    with trio.move_on_after(STANDBY_WITHIN):
        await comes(lambda: system.cluster.standby is not None, every=0.1)


async def _settled(system: System) -> ScoreView:
    """Let nobody write any more, and wait until everybody is answered; the score then, or after SETTLED_WITHIN."""
    system.people.set_rate(0)

    def score() -> ScoreView:
        return system.score.view(system.sandbox.telegram.now())

    with trio.move_on_after(SETTLED_WITHIN):
        await comes(lambda: not score().waiting, every=0.1)
    return score()


def _display(out: TextIO) -> Display:
    """A live screen where that can be shown, else lines."""
    return Screen(out) if Screen.fits(out) else Lines(out)
