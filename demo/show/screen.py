"""A show on a terminal: what has ended stays above, and below it the step under way, the instances and the score, live.

What is drawn of it is made by plain functions over the views; they know nothing of the system.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

import trio
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from demo.show.report import Report
from demo.system import System
from demo.tour.steps.words import duration
from demo.views import FigureView, InstanceView, ScoreView, StepView, SystemView

EVERY = 0.1
"""Seconds between two pictures."""

_STATES = {"ACTIVE": "bold green", "PASSIVE": "cyan", "DRAINING": "yellow", "ENDED": "red"}


class Screen:
    """The terminal."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False)
        self._spinner = Spinner("dots", style="cyan")
        self._step: StepView | None = None

    @staticmethod
    def fits(out: TextIO) -> bool:
        """Whether `out` is a terminal on which lines can be overwritten, and that has the signs."""
        can_more = os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
        return out.isatty() and can_more and (out.encoding or "").lower().startswith("utf")

    def progress(self, text: str) -> None:
        """What is being set up, or ended."""
        self._console.print(Text.assemble(("… ", "cyan"), (text, "dim")))

    def step(self, view: StepView) -> None:
        """What a step does, and how it has ended."""
        self._step = view
        if view.state in ("done", "failed"):
            self._console.print(step_ended(view))

    async def follow(self, system: System) -> None:
        """Draw the system as it is, until cancelled; then the picture goes."""
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._picture(system.view()), refresh=True)
                await trio.sleep(EVERY)

    def verdict(self, report: Report) -> None:
        """The table of the steps with their figures, the score, and the last sentence."""
        self._console.print(verdict(report))

    def _picture(self, view: SystemView) -> RenderableType:
        parts: list[RenderableType] = [
            instances_table(view.instances),
            "",
            score_line(view.score),
            latencies(view.score),
        ]
        parts.append(load_line(view.load, view.score.waiting))
        step = self._step
        if step is not None and step.state == "running":
            self._spinner.update(text=Text(step.title, "bold"))
            parts = [self._spinner, Padding(Text(step.doing), (0, 0, 1, 2)), *parts]
        return Group("", *parts)


def step_ended(view: StepView) -> RenderableType:
    """How a step has ended: its title behind a tick or a cross, and its sentence below."""
    return Group("", _ticked(view.state == "done", view.title), Padding(Text(view.sentence), (0, 0, 0, 2)))


def instances_table(instances: Sequence[InstanceView]) -> Table:
    """A row for each instance."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("Instance", no_wrap=True)
    table.add_column("State", no_wrap=True, min_width=8)
    for title in ("Epoch", "Lease", "Queue"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", ratio=1)
    for each in instances:
        table.add_row(
            each.name,
            Text(each.state, _STATES.get(each.state, "")),
            _number(each.epoch),
            "" if each.lease_left is None else f"{max(each.lease_left, 0.0):.1f} s",
            _number(each.waiting),
            Text(condition(each), "yellow"),
        )
    return table


def condition(instance: InstanceView) -> str:
    """What is the matter with an instance, in a few words."""
    if instance.ended:
        return instance.ended
    seconds = {
        "frozen": instance.frozen_for,
        "cut from Postgres": instance.no_postgres_for,
        "cut from the Bot API": instance.no_bot_api_for,
    }
    return ", ".join(f"{what}, {left:.0f} s left" for what, left in seconds.items() if left > 0)


def score_line(score: ScoreView) -> Text:
    """Lost and twice first, then the counts."""
    line = Text.assemble(_wrong(score.lost, "lost"), "   ", _wrong(score.twice, "twice"))
    counts = {
        "accepted": score.accepted,
        "/start answered": score.answered,
        "found out": score.found_out,
    }
    for name, number in counts.items():
        line.append(f"   {name} ", "dim").append(f"{number:,}")
    return line


def load_line(rate: float, waiting: int) -> Text:
    """How many press, and how many of those wait for their answer."""
    press = f"{rate:g} people a second press /start" if rate else "nobody presses /start"
    return Text(f"{press}, {waiting:,} {'waits' if waiting == 1 else 'wait'}", "dim")


def latencies(score: ScoreView) -> Text:
    """How long answers take, and how long nobody called when another took over."""
    line = Text().append("to menu ", "dim").append(_percentiles(score.menu_p50_ms, score.menu_p99_ms))
    line.append("   acknowledged ", "dim").append(_percentiles(score.ack_p50_ms, score.ack_p99_ms))
    if score.handover is not None:
        line.append("   handover ", "dim").append(duration(score.handover.gap_ms / 1000))
    return line


def verdict(report: Report) -> RenderableType:
    """What came of a show."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Step", no_wrap=True)
    table.add_column("Promises", no_wrap=True)
    table.add_column("Measured")
    for name, outcome in report.outcomes.items():
        kept = Text("kept", "green") if outcome.kept else Text("NOT KEPT", "bold red")
        table.add_row(name, kept, ", ".join(map(figure, outcome.figures)))
    return Group("", table, "", score_line(report.score), "", _ticked(report.kept, report.verdict))


def figure(view: FigureView) -> str:
    """A figure in words."""
    if view.unit == "ms":
        return f"{view.label} {duration(view.value / 1000)}"
    return f"{view.label} {view.value:,.0f} {view.unit}".rstrip()


def _ticked(good: bool, text: str) -> Text:
    return Text.assemble(("✓ ", "green") if good else ("✗ ", "bold red"), (text, "bold"))


def _wrong(number: int, what: str) -> Text:
    """A number that has to be 0."""
    return Text(f"{what} {number:,}", "bold red" if number else "bold green")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _percentiles(p50: float | None, p99: float | None) -> str:
    if p50 is None or p99 is None:
        return "no one yet"
    return f"{duration(p50 / 1000)} (p99 {duration(p99 / 1000)})"
