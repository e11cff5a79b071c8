"""Whether something that was measured has stayed as it was: the rule, and why it is this one.

1. The first quarter is left out. A new database fills its caches and makes its first vacuums then.
2. Of every minute the median counts. Deploys come once a minute, and each makes a saw-tooth: the memory of who leads
   falls to that of a young process. A value a minute has the same part of it every time. A deploy spoils one or two of
   the six windows of a minute, a kill one more, and the median does not see them.
3. The trend is the slope after Theil and Sen: the median of the slopes between all pairs of minutes. Up to 29 % of the
   minutes may be outliers, such as those in which something else ran on the machine; a straight line by least squares
   would follow the first of them. Two quarters held against each other would see a step, and miss whatever fell
   back before the end.
4. What the trend makes of the time looked at is the growth. It is flat if that is no more than a share of the median,
   or than an amount that nobody minds, each series' own (series.py).

Nothing is said of runs with fewer than LEAST_MINUTES left: from so few values a slope is chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from fleet.soak.series import Points, Series

WARM_UP = 0.25
MINUTE = 60.0
LEAST_MINUTES = 6

RULE = (
    "flat: after the first quarter, the Theil-Sen slope of the medians of each minute, over all of that, comes to no "
    "more than the share of the median that is named, or to too little to mind"
)


@dataclass(frozen=True)
class Trend:
    """What became of a series after its first quarter: its median, and by how much it has grown over that time, in its
    unit. `flat` is None where there was too little to tell.
    """

    series: Series
    median: float | None
    growth: float | None
    flat: bool | None

    @property
    def share(self) -> float | None:
        """The growth as a share of the median."""
        return self.growth / self.median if self.growth is not None and self.median else None


def trend(series: Series, points: Points, seconds: float) -> Trend:
    """The trend of what was measured in a run of so many seconds."""
    minutes = medians(points, WARM_UP * seconds, seconds)
    if len(minutes) < LEAST_MINUTES:
        return Trend(series, median(value for _, value in minutes) if minutes else None, None, None)
    middle = median(value for _, value in minutes)
    growth = slope(minutes) * (1 - WARM_UP) * seconds
    worse = -growth if series.falls else growth
    return Trend(series, middle, growth, worse <= max(series.grain, series.share * abs(middle)))


def medians(points: Points, since: float, until: float) -> list[tuple[float, float]]:
    """The median of each whole minute between two times, by the minute's middle; a minute without values has none."""
    minutes: defaultdict[int, list[float]] = defaultdict(list)
    for at, value in points:
        if value is not None and since <= at < until:
            minutes[int((at - since) // MINUTE)].append(value)
    whole = int((until - since) // MINUTE)
    return [(since + (each + 0.5) * MINUTE, median(found)) for each, found in sorted(minutes.items()) if each < whole]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points (Theil and Sen), of which there must be two at least."""
    return median((later - earlier) / (then - at) for (at, earlier), (then, later) in combinations(points, 2))


def not_flat(trends: Iterable[Trend]) -> list[Trend]:
    """Those of which it can be told that they are not flat."""
    return [each for each in trends if each.flat is False]
