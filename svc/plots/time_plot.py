"""Time plots as SVG: lines over the last minutes or hours, with a mark for everything that was done to the system.

They take their colours from CSS classes of the page, so they suit light and dark, and scale with the width they get.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 360
HEIGHT: Final = 132
"""The size of the drawing in its own units; the page gives it any width."""
LEFT: Final = 30
RIGHT: Final = WIDTH - 8
TOP: Final = 22
BOTTOM: Final = HEIGHT - 16
"""Where the lines are; around them are the title, the legend and the axes."""

LANES: Final = 4
LANE_HEIGHT: Final = 10
"""The labels of marks stand in so many lanes over the lines; a mark for which there is no room has none."""
LETTER: Final = 5.2
"""How wide a letter of a label is at most, on average."""
APART: Final = 3.0
"""A mark without a label is not drawn where another is nearer than this."""

_NICE: Final = (1.0, 2.0, 5.0, 10.0)
_MAX_STEPS: Final = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done to the system, or that came of it, at this Unix time.

    What was done has a `label`, a word or two that the plots write at its line.
    """

    at: float
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, its CSS class, and its value at each Unix time; None is a gap."""

    name: str
    style: str
    points: Sequence[tuple[float, float | None]]

    @property
    def values(self) -> list[float]:
        """What it is where it is not a gap."""
        return [value for _, value in self.points if value is not None]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a time and a value are in the drawing."""

    until: float
    seconds: float
    top: float

    def x(self, at: float) -> float:
        return round(RIGHT - (self.until - at) / self.seconds * (RIGHT - LEFT), 1)

    def y(self, value: float) -> float:
        return round(BOTTOM - value / self.top * (BOTTOM - TOP), 1)


def plot(
    title: str,
    unit: str,
    lines: Sequence[Line],
    marks: Sequence[Mark],
    *,
    until: float,
    seconds: float,
    labelled: bool = True,
    told: Callable[[float], str] | None = None,
) -> str:
    """The lines over the `seconds` before `until`, as an `<svg>` with a title and a description for screen readers.

    The unit "ms" is shown as seconds where the values are that large. `marks` are in the order of their times, and
    those of some time before are among them, so that labels keep their lanes. Without `labelled` they are but lines,
    and not told of in words: for plots under one that has them. `told` says how the axis tells an age in seconds, if
    not as one ("30 s ago").
    """
    seen = [mark for mark in marks if until - seconds < mark.at <= until]
    band = LANES * LANE_HEIGHT if labelled else 0
    ticks = nice_ticks(max((value for line in lines for value in line.values), default=0))
    frame = _Frame(until, seconds, ticks[-1])
    name = f"plot-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}"
    shown_unit = "s" if unit == "ms" and ticks[-1] >= 1000 else unit
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 {-band} {WIDTH} {HEIGHT + band}" role="img"'
        f' aria-labelledby="{name}" aria-describedby="{name}-text">',
        f'<title id="{name}">{escape(title)}</title>',
        f'<desc id="{name}-text">{escape(description(unit, lines, seen if labelled else [], until))}</desc>',
        f'<text class="plot-title" x="0" y="{10 - band}">{escape(title)} <tspan>{escape(shown_unit)}</tspan></text>',
        *_legend(lines, 10 - band),
        *_value_axis(frame, ticks, scale=1 if shown_unit == unit else 1000),
        *_time_axis(frame, told or ago),
        *_marks(frame, seen),
        *(_labels(frame, marks) if labelled else []),
        *(path for line in lines for path in _paths(frame, line)),
        *([] if any(line.values for line in lines) else [_empty()]),
        "</svg>",
    ]
    return "".join(parts)


def nice_ticks(highest: float) -> list[float]:
    """From 0 to `highest` or a little more, in two or three steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / _MAX_STEPS))
    step = next(nice * power for nice in _NICE if highest <= _MAX_STEPS * nice * power * (1 + 1e-9))
    return [count * step for count in range(math.ceil(highest / step - 1e-9) + 1)]


def amount(value: float, unit: str) -> str:
    """A value with its unit, as one reads it: "0.3 ms", "34 ms", "2.5 s", "20/s"."""
    if unit == "ms" and value >= 1000:
        return f"{value / 1000:.3g} s"
    digits = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return digits + unit if unit.startswith("/") else f"{digits} {unit}"


def description(unit: str, lines: Sequence[Line], marks: Sequence[Mark], until: float) -> str:
    """The plot in words: the latest and the highest value of each line, and every mark."""
    return " ".join([*(_in_words(line, unit) for line in lines), *_marks_in_words(marks, until)])


def _in_words(line: Line, unit: str) -> str:
    if not line.values:
        return f"{line.name}: nothing yet."
    return f"{line.name}: latest {amount(line.values[-1], unit)}, highest {amount(max(line.values), unit)}."


def _marks_in_words(marks: Sequence[Mark], until: float) -> Iterator[str]:
    for mark in marks:
        yield f"{until - mark.at:.0f} s ago: {mark.text}."


def _legend(lines: Sequence[Line], y: float) -> Iterator[str]:
    """A sample of each line with its name, from the right."""
    x = float(RIGHT)
    for line in reversed(lines):
        yield _text(x, y, "plot-end", line.name)
        x -= 6 * len(line.name) + 22
        yield f'<path class="plot-line {line.style}" d="M{x:g} {y - 3.5:g}H{x + 16:g}"/>'
        x -= 10


def _value_axis(frame: _Frame, ticks: Sequence[float], *, scale: float) -> Iterator[str]:
    """A faint line at each tick, and its value divided by `scale`."""
    for tick in ticks:
        y = frame.y(tick)
        yield f'<path class="plot-grid" d="M{LEFT} {y:g}H{RIGHT}"/>'
        yield _text(LEFT - 4, y + 3.5, "plot-end", f"{tick / scale:g}")


def _time_axis(frame: _Frame, told: Callable[[float], str]) -> Iterator[str]:
    """The two ends and the middle."""
    for share, style in ((1.0, "plot-start"), (0.5, "plot-middle"), (0.0, "plot-end")):
        age = frame.seconds * share
        yield _text(frame.x(frame.until - age), HEIGHT - 3, style, told(age))


def ago(seconds: float) -> str:
    """A time on an axis: "now", "30 s ago", "45 min ago", "6 h ago", "3.5 d ago"."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= (2 * length if unit == "d" else length):
            return f"{seconds / length:g} {unit} ago"
    return "now"


def _paths(frame: _Frame, line: Line) -> Iterator[str]:
    """The line in one path, and in another the points that stand alone: strokes without length, drawn as dots."""
    parts = [[f"{frame.x(at):g} {frame.y(value):g}" for at, value in part] for part in _without_gaps(line.points)]
    strokes = "".join(f"M{part[0]}L{' '.join(part[1:])}" for part in parts if len(part) > 1)
    dots = "".join(f"M{part[0]}h0" for part in parts if len(part) == 1)
    for style, path in (("plot-line", strokes), ("plot-line plot-dot", dots)):
        if path:
            yield f'<path class="{style} {line.style}" d="{path}"/>'


def _without_gaps(points: Iterable[tuple[float, float | None]]) -> Iterator[list[tuple[float, float]]]:
    """The runs of points between gaps."""
    part: list[tuple[float, float]] = []
    for at, value in points:
        if value is not None:
            part.append((at, value))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _marks(frame: _Frame, marks: Sequence[Mark]) -> Iterator[str]:
    """Upright lines: a strong one for what was done, a faint one, where there is room, for what came of it."""
    done = [frame.x(mark.at) for mark in marks if mark.label]
    after: list[float] = []
    for x in (frame.x(mark.at) for mark in marks if not mark.label):
        if all(abs(x - other) >= APART for other in [*done, *after[-1:]]):
            after.append(x)
    for style, places in (("plot-after", after), ("plot-mark", done)):
        for x in places:
            yield f'<path class="{style}" d="M{x:g} {TOP}V{BOTTOM}"/>'


def _labels(frame: _Frame, marks: Sequence[Mark]) -> Iterator[str]:
    """What was done, left of the upper end of its line, which is drawn as far as the label."""
    labelled = [mark for mark in marks if mark.label]
    for mark, lane in zip(labelled, lanes([(frame.x(mark.at), mark.label) for mark in labelled]), strict=True):
        x = frame.x(mark.at)
        if lane is not None and LEFT + width(mark.label) < x <= RIGHT:
            y = TOP - 4 - lane * LANE_HEIGHT
            yield f'<path class="plot-mark" d="M{x:g} {y - 6:g}V{TOP}"/>'
            yield _text(x - 3, y, "plot-mark-label plot-end", mark.label)


def lanes(labels: Sequence[tuple[float, str]]) -> list[int | None]:
    """A lane for each label, counted from below, so that none covers another or the line of another; None: no room.

    Labels are given as the place where they end and their text, from left to right. Each is above those that end
    within it: their lines begin below it.
    """
    found: list[int | None] = []
    taken: list[tuple[float, int]] = []
    for x, text in labels:
        lane = 1 + max((lane for end, lane in taken if end > x - width(text)), default=-1)
        found.append(lane if lane < LANES else None)
        if lane < LANES:
            taken.append((x, lane))
    return found


def width(label: str) -> float:
    """The room that a label takes, with what is between it and the next one."""
    return LETTER * len(label) + 6


def _text(x: float, y: float, style: str, text: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _empty() -> str:
    return _text((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2 + 3, "plot-middle", "nothing yet")
