"""The last minutes, second by second: what the plots show. Synchronous, and without a clock of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from demo.score.recent import percentile_ms
from svc.plots.time_plot import Line, Mark, plot

SECONDS: Final = 120
"""How far back the plots go."""
MAX_MARKS: Final = 200
MAX_DURATIONS: Final = 5_000
"""Of one second and one kind; more are left out of its percentiles."""


@dataclass(slots=True)
class _Second:
    """What happened in one second. Durations are in seconds."""

    pressed: int = 0
    answered: int = 0
    menus: list[float] = field(default_factory=list)
    acks: list[float] = field(default_factory=list)


_NOTHING: Final = _Second()


class History:
    """Counts and latencies by second, and the marks; what is older than SECONDS is forgotten."""

    def __init__(self) -> None:
        self._seconds: dict[int, _Second] = {}
        self._marks: deque[Mark] = deque(maxlen=MAX_MARKS)

    def pressed(self, at: float) -> None:
        """Somebody has pressed /start."""
        self._second(at).pressed += 1

    def answered(self, at: float, seconds: float) -> None:
        """Somebody has their menu, so many seconds after they pressed."""
        second = self._second(at)
        second.answered += 1
        _add(second.menus, seconds)

    def acknowledged(self, at: float, seconds: float) -> None:
        """An update was answered with 200, after so many seconds."""
        _add(self._second(at).acks, seconds)

    def mark(self, mark: Mark) -> None:
        """Something was done to the system, or has come of it; told of in the order of their times."""
        self._marks.append(mark)

    def plots(self, now: float) -> dict[str, str]:
        """The plots as SVG by name: `menus` (pressed and answered a second), `menu_ms` and `ack_ms` (p50 and p99).

        They end with the last whole second.
        """
        until, window = int(now), self._window(int(now))
        draw = partial(plot, marks=self._marks, until=until, seconds=SECONDS)
        below = partial(draw, labelled=False)
        return {
            "menus": draw("People and menus", "/s", _counts(window)),
            "menu_ms": below("Until the menu", "ms", _percentiles([(at, s.menus) for at, s in window])),
            "ack_ms": below("Until accepted", "ms", _percentiles([(at, s.acks) for at, s in window])),
        }

    def _second(self, at: float) -> _Second:
        """The second that `at` is in; at its first event those that are too old go."""
        if int(at) not in self._seconds:
            self._seconds[int(at)] = _Second()
            for old in [second for second in self._seconds if second < int(at) - SECONDS]:
                del self._seconds[old]
        return self._seconds[int(at)]

    def _window(self, until: int) -> list[tuple[float, _Second]]:
        """The seconds before `until`, each by its middle."""
        return [(second + 0.5, self._seconds.get(second, _NOTHING)) for second in range(until - SECONDS, until)]


def _counts(window: Sequence[tuple[float, _Second]]) -> list[Line]:
    """How many pressed and how many had their menu, by second."""
    return [
        Line("answered", "line-first", [(at, second.answered) for at, second in window]),
        Line("pressed", "line-dotted", [(at, second.pressed) for at, second in window]),
    ]


def _percentiles(window: Sequence[tuple[float, list[float]]]) -> list[Line]:
    """p50 and p99 of the durations, by second; a gap where there are none."""
    by_second = [(at, sorted(durations)) for at, durations in window]
    return [
        Line(name, style, [(at, percentile_ms(durations, share)) for at, durations in by_second])
        for name, style, share in (("p50", "line-second", 0.50), ("p99", "line-third", 0.99))
    ]


def _add(durations: list[float], duration: float) -> None:
    if len(durations) < MAX_DURATIONS:
        durations.append(duration)
