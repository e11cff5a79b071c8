"""What the pages are told of, looked up: how it is now, and the plots of a window of time.

A database that does not answer is told as well: since when, and why; what was known last stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime

from svc.ops.masking import masked_text
from svc.ops.plots import WINDOWS, plots, slot_seconds, terms
from svc.ops.stream import event
from svc.ops.watching import Look
from svc.reports import overview as reports
from svc.reports.history import leading_transitions
from svc.storage.database import Database, DatabaseUnavailable
from svc.storage.figures import read_slots

OVERVIEW = "overview"
EVERY = 1.0
PLOTS_EVERY = 10.0


def plots_of(hours: float) -> str:
    """The name of the topic of one window's plots."""
    return f"plots {hours:g}"


class Topics:
    """The topics of one bot. `served_by` is this instance, `bot` tells how the bot is called, `hide` takes
    the settings' secrets out of a text.
    """

    def __init__(
        self, database: Database, bot_id: int, *, served_by: str, bot: Callable[[], str], hide: Callable[[str], str]
    ) -> None:
        self._database = database
        self._bot_id = bot_id
        self._served_by = served_by
        self._bot = bot
        self._hide = hide
        self._last = replace(reports.NOTHING_KNOWN, served_by=served_by, bot=bot())
        self._away_since: float | None = None
        self._slow = reports.SlowFacts()
        self._slow_at = float("-inf")
        self._plots: dict[float, Mapping[str, str]] = {}

    def by_name(self) -> dict[str, tuple[Look, float]]:
        """How each topic is looked up, with the seconds between two looks."""
        windows = {plots_of(hours): (self._window(hours), PLOTS_EVERY) for hours in WINDOWS}
        return {OVERVIEW: (self.overview, EVERY), **windows}

    async def overview(self) -> bytes:
        """How it is now."""
        try:
            await self._look()
        except DatabaseUnavailable as error:
            self._last = replace(self._last, problem=self._problem(error))
        return event(OVERVIEW, asdict(self._last), self._hide)

    async def _look(self) -> None:
        now = time.time()
        # The clock may have been set back.
        if not 0 <= now - self._slow_at < PLOTS_EVERY:
            self._slow, self._slow_at = await reports.slow_facts(self._database, self._bot_id), now
        told = await reports.look(self._database, self._bot_id)
        seen = reports.overview(told, self._slow, served_by=self._served_by, bot=self._bot())
        reasons = [replace(row, reason=masked_text(row.reason)) for row in seen.dead_reasons]
        self._last = replace(seen, dead_reasons=reasons)
        self._away_since = None

    def _problem(self, error: Exception) -> str:
        self._away_since = self._away_since or time.time()
        since = datetime.fromtimestamp(self._away_since, UTC)
        return f"the database has not answered since {since:%H:%M:%S} UTC ({error})"

    def _window(self, hours: float) -> Look:
        async def look() -> bytes:
            # The overview tells of a database that is away; the plots end where they ended.
            with suppress(DatabaseUnavailable):
                self._plots[hours] = await self._draw(hours)
            return event("plots", self._plots.get(hours, {}), self._hide)

        return look

    async def _draw(self, hours: float) -> Mapping[str, str]:
        seconds = hours * 3600.0
        slots = await read_slots(self._database, self._bot_id, seconds=seconds, slot=slot_seconds(hours))
        led = await leading_transitions(self._database, self._bot_id, seconds)
        return plots(slots, terms(led), until=time.time(), hours=hours)
