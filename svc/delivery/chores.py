"""What the ACTIVE instance does besides answering, each for one period: it feeds the queue and keeps the inbox tidy.

No error of a chore is worth the period. Where the database is away it says so and comes again; what is unforeseen is
logged with its traceback, and the chore begins anew after a pause.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
import trio

from svc.delivery.active_period import ActivePeriod
from svc.delivery.backfill import backfill
from svc.delivery.database_away import or_later
from svc.delivery.looking import look_for_sends
from svc.delivery.outcome_count import count_resolved
from svc.delivery.outcome_log import ids_of
from svc.delivery.retry_policy import LOOK_AFTER_FILE
from svc.delivery.worker import SEND_DEADLINE
from svc.keep_up import keep_up
from svc.queue.hints import Hints
from svc.storage.inbox import CANNOT_BE_TOLD
from svc.waiting import first_of

__all__ = [
    "Chore",
    "backfill",
    "kept_up",
    "look_after_doubts",
    "look_for_sends",
    "release_held",
    "take_hints",
    "while_wanted",
]

log = structlog.get_logger()

Chore = Callable[[ActivePeriod], Awaitable[None]]

# After a takeover the menus come first: what asks the database or Telegram for other reasons waits, in seconds.
CHORES_AFTER = 1.0
CALLS_AFTER = 0.25
DOUBTS_EVERY = 5.0


def kept_up(name: str, chore: Chore, rng: random.Random) -> Chore:
    """`chore`, begun anew after a pause whenever it fails. `name` is for the log."""

    async def kept(period: ActivePeriod) -> None:
        await keep_up(name, partial(chore, period), rng)

    return kept


def behind_the_menus(chore: Chore) -> Chore:
    """`chore`, a moment later: its first calls take milliseconds, in which nobody who waits is answered."""

    async def later(period: ActivePeriod) -> None:
        await trio.sleep(CALLS_AFTER)
        await chore(period)

    return later


def while_wanted(chore: Chore) -> Chore:
    """`chore`, until the lead is to be given up: what is in flight then is finished, and nothing new begins."""

    async def wanted(period: ActivePeriod) -> None:
        await first_of(partial(chore, period), period.lease.unwanted)

    return wanted


async def take_hints(hints: Hints, period: ActivePeriod) -> None:
    """The fast path: what this instance has stored goes straight into the queue.

    If others of its chat were in the inbox and are not here, it is not its turn. It is looked at by its id all the
    same: they may have been finished in the moment in which it was stored.
    """
    queue = period.queue
    while True:
        update = await hints.receive()
        if update.is_first or queue.has_chat(update.chat_id):
            queue.add(update)
        else:
            queue.news.tell([update.update_id])
        if hints.take_lost():
            queue.news.tell()


async def release_held(period: ActivePeriod) -> None:
    """Let updates that flood control held come out of the queue again when they are due."""
    await period.queue.release_held()


async def look_after_doubts(period: ActivePeriod) -> None:
    """Rows whose send may have arrived and is not looked for: those of older terms, and those of this one that no
    worker holds.
    """
    await trio.sleep(CHORES_AFTER)
    while True:
        await or_later(partial(_resolve_doubts, period))
        await trio.sleep(DOUBTS_EVERY)


async def _resolve_doubts(period: ActivePeriod) -> None:
    inbox, term = period.inbox, period.term
    resolved = await inbox.resolve_doubts(
        term, period.in_doubt, SEND_DEADLINE, period.tokens, look=period.looks, file_age=LOOK_AFTER_FILE
    )
    for update_id, how in resolved:
        count_resolved(period.metrics.updates, how)
        if how != "repeat":
            log.warning("IN_DOUBT", **ids_of(update_id), policy=period.in_doubt, epoch=term.epoch)
        if how == "dead":
            log.error("DEAD", **ids_of(update_id), reason=CANNOT_BE_TOLD, epoch=term.epoch)
        if how in ("repeat", "resend"):
            period.queue.look_at([update_id])
        period.queue.places.wants_backfill.set()
