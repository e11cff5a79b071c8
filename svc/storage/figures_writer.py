"""Writes an instance's figures every ten seconds, from PASSIVE on until the process ends."""

from __future__ import annotations

import structlog
import trio

from svc.observability.metrics import Metrics, Snapshot
from svc.observability.metrics.snapshot import difference
from svc.storage.errors import DatabaseUnavailable
from svc.storage.figures import WRITE_EVERY, Figures

log = structlog.get_logger()

# For the last row, which says what was counted since the one before. The process does not wait longer for it.
LAST_DEADLINE = 0.5


class FiguresWriter:
    """What `metrics` counts is written to `figures`. Made inside `trio.run`.

    What could not be written is in the next row: it says how many seconds it is about.
    """

    def __init__(self, metrics: Metrics, figures: Figures) -> None:
        self._metrics = metrics
        self._figures = figures
        self._written = Snapshot()
        self._written_at = trio.current_time()

    async def run(self) -> None:
        """Write until cancelled, and then once more."""
        try:
            while True:
                await trio.sleep(WRITE_EVERY)
                await self._write_or_say()
        finally:
            with trio.move_on_after(LAST_DEADLINE, shield=True):
                await self._write_or_say()

    async def _write_or_say(self) -> None:
        try:
            await self._write()
        except DatabaseUnavailable as error:
            log.warning("DB_LOST", error=str(error))

    async def _write(self) -> None:
        metrics, now = self._metrics, trio.current_time()
        snapshot = metrics.snapshot()
        row = difference(self._written, snapshot, now - self._written_at)
        if metrics.readings.latest is not None:
            row["readings"] = metrics.readings.latest.as_json()
        if metrics.webhook.latest is not None:
            row["telegram"] = metrics.webhook.latest
        await self._figures.write(row)
        self._written, self._written_at = snapshot, now
