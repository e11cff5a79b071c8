"""What the ACTIVE instance does besides answering, each for one period: it feeds the queue and keeps the inbox tidy.

Where the database is away a chore says so and comes again: it is never worth the period.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.worker import SEND_DEADLINE
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import Received

log = structlog.get_logger()

T = TypeVar("T")

BACKFILL_EVERY = 1.0
BACKFILL_ROWS = 500
# After a takeover the menus come first.
CHORES_AFTER = 1.0
DOUBTS_EVERY = 5.0
PRUNE_EVERY = 60.0
PRUNE_ROWS = 5000
# Telegram may deliver an update again for 24 h.
KEEP_PROCESSED = 48 * 3600.0


async def take_hints(hints: trio.MemoryReceiveChannel[Received], period: ActivePeriod) -> None:
    """The fast path: what this instance has stored goes straight into the queue."""
    async for update in hints:
        period.queue.add(update)


async def backfill(period: ActivePeriod) -> None:
    """The slow path: read back from the inbox what the queue has no hint of.

    At the start, when notified of new work, when there is room again, when a retry is due, and every second.
    """
    queue = period.queue
    while True:
        queue.wants_backfill.clear()
        limit = min(BACKFILL_ROWS, queue.room)
        window = await or_later(partial(period.inbox.backfill, limit, without=queue.ids)) if limit else None
        found = window.updates if window is not None else []
        for update in found:
            queue.add(update)
        if limit and len(found) == limit:
            queue.expect_more()
        with trio.move_on_at(min(trio.current_time() + BACKFILL_EVERY, queue.next_due())):
            await queue.wants_backfill.wait()


async def release_held(period: ActivePeriod) -> None:
    """Let updates that flood control held come out of the queue again when they are due."""
    await period.queue.release_held()


async def look_after_doubts(period: ActivePeriod) -> None:
    """Rows whose send may have arrived: those of older terms, and those of this one that no worker holds."""
    await trio.sleep(CHORES_AFTER)
    while True:
        await or_later(partial(_resolve_doubts, period))
        await trio.sleep(DOUBTS_EVERY)


async def _resolve_doubts(period: ActivePeriod) -> None:
    inbox, term = period.inbox, period.term
    for update_id, how in await inbox.resolve_doubts(term, period.in_doubt, SEND_DEADLINE, period.tokens):
        if how != "repeat":
            log.warning("IN_DOUBT", update_id=update_id, policy=period.in_doubt, epoch=term.epoch)
        period.queue.wants_backfill.set()


async def prune(period: ActivePeriod) -> None:
    """Forget processed updates that Telegram will not deliver again."""
    await trio.sleep(CHORES_AFTER)
    while True:
        await or_later(partial(period.inbox.prune, KEEP_PROCESSED, PRUNE_ROWS))
        await trio.sleep(PRUNE_EVERY)


async def or_later(work: Callable[[], Awaitable[T]]) -> T | None:
    """Do `work`; if the database is away, say so and return None: whoever calls comes again."""
    try:
        return await work()
    except DatabaseUnavailable as error:
        log.warning("DB_LOST", error=str(error))
        return None
