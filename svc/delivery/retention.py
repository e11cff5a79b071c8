"""How long what is over is kept, and the chore that forgets it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.database_away import or_later
from svc.settings.environment import Settings
from svc.storage.figures import KEPT_FOR, Figures
from svc.storage.jobs import Jobs
from svc.storage.transition_log import TransitionLog

HOUR = 3600.0
# After a takeover the menus come first.
PRUNE_AFTER = 1.0
PRUNE_EVERY = 60.0
# A batch is followed by so many times its duration of rest: others' commits wait for the disk behind it.
REST = 1.5
# However fast the database is: ten million in a quarter of an hour, and the processor is for those who write.
PRUNED_A_SECOND = 10_000
# Rows of one statement: at most so many, fewer while the database does not manage them in the time of a statement.
PRUNE_ROWS = 100
FEWEST_ROWS = 20

Prune = Callable[[float, int], Awaitable[int]]
"""Forgets up to a number of rows that are older than an age in seconds; returns how many."""


@dataclass(frozen=True)
class Kept:
    """One kind of rows: how to forget them, and how many seconds they are kept (infinity: for ever)."""

    prune: Prune
    seconds: float


async def prune(
    settings: Settings, transition_log: TransitionLog, jobs: Jobs, figures: Figures | None, period: ActivePeriod
) -> None:
    """Forget what is over and old enough, as the settings want it, until cancelled."""
    await Retention(
        Kept(period.inbox.prune, settings.keep_processed * HOUR),
        Kept(transition_log.prune, settings.keep_transitions * HOUR),
        Kept(period.inbox.prune_dead, settings.keep_dead * HOUR or math.inf),
        Kept(jobs.prune_jobs, settings.keep_jobs * HOUR),
        *([Kept(figures.prune, KEPT_FOR)] if figures is not None else []),
    ).run()


class Retention:
    """Forgets rows of all these kinds when they are old enough."""

    def __init__(self, *kinds: Kept) -> None:
        self._kinds = [kind for kind in kinds if kind.seconds < math.inf]
        self._rows = PRUNE_ROWS

    async def run(self) -> None:
        """Forget what is old, once a minute, until cancelled."""
        await trio.sleep(PRUNE_AFTER)
        while True:
            for kind in self._kinds:
                await self._prune(kind)
            await trio.sleep(PRUNE_EVERY)

    async def _prune(self, kind: Kept) -> None:
        """One batch after the other until nothing old is left, or the database is away.

        It rests after each batch: four tenths of the time are spent on it at most, whatever is overdue, and no more
        than PRUNED_A_SECOND are forgotten.
        """
        while True:
            rows = self._rows
            began = trio.current_time()
            pruned = await or_later(partial(kind.prune, kind.seconds, rows))
            if pruned is None:
                self._rows = max(FEWEST_ROWS, rows // 2)
                return
            self._rows = min(PRUNE_ROWS, rows * 2)
            if pruned < rows:
                return
            took = trio.current_time() - began
            await trio.sleep(max(REST * took, rows / PRUNED_A_SECOND - took))
