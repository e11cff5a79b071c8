"""What the page is told as time goes by, as server-sent events.

log      a list of LogLineView: what is new, looked at four times a second; at first the latest lines there are
system   a SystemView, twice a second
plots    the plots as SVG by name, once a second
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, replace
from itertools import count
from typing import Any

import trio

from demo.instances.instance import Instance
from demo.system import System
from demo.tour.tour import Tour
from demo.views import LogLineView

TICK = 0.25
"""Seconds between two looks at the system."""
SYSTEM_TICKS = 2
PLOT_TICKS = 4
MAX_STREAMS = 20
MAX_LINES = 300
"""Of the log, in one event: a page that has just come is told no more of what was, nor one that cannot keep up."""


class Streams:
    """The streams of all pages that are open: each looks for itself, so that a slow one holds nobody up."""

    def __init__(self, system: System, tour: Tour) -> None:
        self._system = system
        self._tour = tour
        self._open = 0

    def open(self) -> AsyncGenerator[bytes, None] | None:
        """The events for one more page; None if MAX_STREAMS of them are open."""
        return None if self._open >= MAX_STREAMS else self._events()

    async def _events(self) -> AsyncGenerator[bytes, None]:
        self._open += 1
        try:
            logs = _NewLines()
            for tick in count():
                if lines := logs.of(self._system.instances):
                    yield _event("log", [asdict(line) for line in lines])
                if tick % SYSTEM_TICKS == 0:
                    yield _event("system", self._view())
                if tick % PLOT_TICKS == 0:
                    yield _event("plots", self._plots())
                await trio.sleep(TICK)
        finally:
            self._open -= 1

    def _view(self) -> dict[str, Any]:
        return asdict(replace(self._system.view(), tour=self._tour.views()))

    def _plots(self) -> dict[str, str]:
        return self._system.history.plots(self._system.view().now)


class _NewLines:
    """What one page has not seen of the logs yet."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def of(self, instances: Sequence[Instance]) -> list[LogLineView]:
        """The new lines of all instances in the order in which they came, the latest MAX_LINES at most."""
        new = [line for instance in instances for line in self._new(instance)]
        self._seen = {instance.name: instance.line_count for instance in instances}
        return sorted(new, key=lambda line: line.at)[-MAX_LINES:]

    def _new(self, instance: Instance) -> list[LogLineView]:
        count = instance.line_count - self._seen.get(instance.name, 0)
        return list(instance.lines)[-count:] if count else []


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
