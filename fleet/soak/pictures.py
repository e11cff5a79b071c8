"""The series of a soak as pictures: SVG files that stand alone, with colours for light and dark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from fleet.soak.outcome import Outcome
from fleet.soak.plan import Kind, Plan
from fleet.soak.series import Points
from svc.plots.time_plot import HEIGHT, Line, Mark, plot
from svc.plots.time_plot import WIDTH as PLOT

MARGIN = 14
GAP = 28
HEAD = 34
ROW = HEIGHT + 20
COLUMNS = 2
WIDTH = 2 * MARGIN + COLUMNS * PLOT + GAP
CSS = files("svc.plots").joinpath("page", "plots.css").read_text("utf-8")
"""The style of the plots on pages: a picture in a document takes no style from around it."""
STYLE = f"{CSS}\n.sheet {{ width: auto; }}\n.sheet .plot {{ height: {HEIGHT}px; }}\n.back {{ fill: var(--plot-back); }}"


@dataclass(frozen=True)
class Panel:
    """One plot: its title, its unit, and its lines, each as a name and the key of its series."""

    title: str
    unit: str
    lines: Sequence[tuple[str, str]]


_ROLES = ("active", "passive")
SHEETS = {
    "instances": (
        Panel("Memory", "MiB", [(role.upper(), f"memory_{role}") for role in _ROLES]),
        Panel("Open descriptors", "", [(role.upper(), f"descriptors_{role}") for role in _ROLES]),
        Panel("Time, median", "ms", [("answered", "answer_p50"), ("acknowledged", "ack_p50")]),
        Panel("Time, 99th percentile", "ms", [("answered", "answer_p99"), ("acknowledged", "ack_p99")]),
        Panel("Answers", "/s", [("answers", "rate")]),
        Panel("Connections to Postgres", "", [("connections", "connections")]),
    ),
    "postgres": (
        Panel("processed_updates", "MiB", [("table", "processed_table"), ("indexes", "processed_indexes")]),
        Panel("inbox", "MiB", [("table", "inbox_table"), ("indexes", "inbox_indexes")]),
        Panel("Dead tuples", "rows", [("processed_updates", "dead_processed"), ("inbox", "dead_inbox")]),
        Panel("WAL", "MiB/s", [("written", "wal")]),
    ),
}
_STYLES = ("line-first", "line-second")


def write_pictures(outcome: Outcome, folder: Path) -> None:
    """Write `soak-instances.svg` and `soak-postgres.svg`."""
    for name, panels in SHEETS.items():
        (folder / f"soak-{name}.svg").write_text(sheet(outcome, panels) + "\n", "utf-8")


def sheet(outcome: Outcome, panels: Sequence[Panel]) -> str:
    """Several plots in two columns under a line that says what was run."""
    height = HEAD + ROW * -(-len(panels) // COLUMNS) + MARGIN
    title = _title(outcome.plan)
    placed = [_placed(_plot(outcome, panel), number) for number, panel in enumerate(panels)]
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="plot sheet" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}">',
            f"<style>{STYLE}</style>",
            f'<rect class="back" width="{WIDTH}" height="{height}"/>',
            f'<text x="{MARGIN}" y="20">{escape(title)}</text>',
            *placed,
            "</svg>",
        ]
    )


def _title(plan: Plan) -> str:
    did = [f"{plan.rate:g} messages a second for {plan.seconds / 60:g} minutes"]
    if plan.deploy_every:
        did.append(f"a deploy every {plan.deploy_every:g} s (grey)")
    if plan.kill_every:
        did.append(f"kill -9 of the leader every {plan.kill_every:g} s (red)")
    return ", ".join(did)


def _placed(drawn: str, number: int) -> str:
    row, column = divmod(number, COLUMNS)
    x, y = MARGIN + column * (PLOT + GAP), HEAD + row * ROW
    return f'<svg x="{x}" y="{y}" width="{PLOT}" height="{HEIGHT}" overflow="visible">{drawn}</svg>'


def _plot(outcome: Outcome, panel: Panel) -> str:
    points, seconds = outcome.readings.points, outcome.plan.seconds
    lines = [
        Line(name, style, _within(points[key], seconds))
        for (name, key), style in zip(panel.lines, _STYLES, strict=False)
    ]
    marks = [Mark(each.at, each.kind, "kill" if each.kind is Kind.KILL else "") for each in outcome.marks]
    return plot(
        panel.title,
        panel.unit,
        lines,
        marks,
        until=seconds,
        seconds=seconds,
        labelled=False,
        told=_since_the_beginning(seconds),
    )


def _within(points: Points, seconds: float) -> Points:
    return [(at, value) for at, value in points if at <= seconds]


def _since_the_beginning(seconds: float) -> Callable[[float], str]:
    """An age as the minute that it was in."""
    return lambda age: f"{(seconds - age) / 60:g} min"
