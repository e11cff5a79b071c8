"""The chore that reads what only the database knows, so that a scrape has to ask nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.database_away import or_later
from svc.observability.metrics import Readings

# After a takeover the menus come first.
READ_AFTER = 1.0
READ_EVERY = 5.0

TakeReadings = Callable[[], Awaitable[Readings]]
"""Reads it all once; may raise DatabaseUnavailable."""


async def keep_reading(take: TakeReadings, period: ActivePeriod) -> None:
    """Show what the database knows, every few seconds, until cancelled; from then on nothing of it is shown.

    While the database is away the latest stay, and their timestamp tells how old they are.
    """
    shown = period.metrics.readings
    await trio.sleep(READ_AFTER)
    try:
        while True:
            readings = await or_later(take)
            if readings is not None:
                shown.show(readings)
            await trio.sleep(READ_EVERY)
    finally:
        shown.clear()
