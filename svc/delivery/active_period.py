"""What runs in a state and only there: the whole ACTIVE period's work, and the waiting of all other states."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
import trio

from svc.delivery.worker import SEND_DEADLINE, Period, Worker
from svc.storage.database import DatabaseUnavailable
from svc.storage.inbox import Inbox, Received

log = structlog.get_logger()

T = TypeVar("T")

LOOK_EVERY = 1.0
WARM_CONNECTIONS = 4
WARM_EVERY = 60.0
# After a takeover the menus come first.
CHORES_AFTER = 1.0
DOUBTS_EVERY = 5.0
HEADS = 500
HELD = 1000
PRUNE_EVERY = 60.0
PRUNE_ROWS = 5000
# Telegram may deliver an update again for 24 h.
KEEP_PROCESSED = 48 * 3600.0


async def work(
    period: Period, hints: trio.MemoryReceiveChannel[Received], *, workers: int, draining: trio.Event
) -> None:
    """Work on the inbox until `draining`, then finish what was begun. Cancelled as a whole when the lease ends."""
    async with trio.open_nursery() as background:
        background.start_soon(_take_hints, period, hints)
        background.start_soon(_read_back, period)
        background.start_soon(period.queue.release_held)
        background.start_soon(_look_after_doubts, period)
        background.start_soon(_prune, period)
        background.start_soon(_close_when, draining, period)
        async with trio.open_nursery() as desks:
            for number in range(workers):
                desks.start_soon(Worker(f"WORKER_{number}", period).run)
        background.cancel_scope.cancel(reason="drained")


async def wait_passively(hints: trio.MemoryReceiveChannel[Received], inbox: Inbox, hold: float) -> None:
    """Not ACTIVE: hold what arrives here for `hold` seconds, and tell the instance that leads.

    Held is only a word for the operator who reads the log: the update is in the inbox, and whoever becomes ACTIVE,
    this instance too, reads it from there. After `hold` seconds this instance expects no more to be the one.
    """
    held: deque[tuple[float, Received]] = deque()
    announce = _Doorbell()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_announcer, inbox, announce)
        nursery.start_soon(_stay_warm, inbox)
        while True:
            until = held[0][0] if held else float("inf")
            with trio.move_on_at(until):
                update = await hints.receive()
                log.info("PASSIVE_WAIT", update_id=update.update_id, chat_id=update.chat_id)
                held.append((trio.current_time() + hold, update))
                announce.ring()
            while held and (held[0][0] <= trio.current_time() or len(held) > HELD):
                _, update = held.popleft()
                waited = trio.current_time() - update.arrived
                log.warning("PASSIVE_DROP", update_id=update.update_id, chat_id=update.chat_id, held=waited)


class _Doorbell:
    """A one-slot channel: any number of rings before somebody listens are one."""

    def __init__(self) -> None:
        self._ring, self._heard = trio.open_memory_channel[None](1)

    def ring(self) -> None:
        try:
            self._ring.send_nowait(None)
        except trio.WouldBlock:
            return

    async def heard(self) -> None:
        await self._heard.receive()


async def _announcer(inbox: Inbox, doorbell: _Doorbell) -> None:
    while True:
        await doorbell.heard()
        await _or_later(inbox.notify_leader)


async def _stay_warm(inbox: Inbox) -> None:
    """Keep as many connections open as an ACTIVE period begins with: opening them would be most of a handover."""

    async def look() -> None:
        await _or_later(partial(inbox.backfill, 1))

    while True:
        async with trio.open_nursery() as nursery:
            for _ in range(WARM_CONNECTIONS):
                nursery.start_soon(look)
        await trio.sleep(WARM_EVERY)


async def _take_hints(period: Period, hints: trio.MemoryReceiveChannel[Received]) -> None:
    async for update in hints:
        period.queue.add(update)


async def _read_back(period: Period) -> None:
    """The slow path: what the queue has no hint of. At the start, when rung, when a retry is due, every second."""
    queue = period.queue
    while True:
        queue.wants_more = trio.Event()
        limit = min(HEADS, queue.room)
        found = await _or_later(partial(period.inbox.backfill, limit, without=queue.ids)) if limit else []
        for update in found or ():
            queue.add(update)
        if found is not None and len(found) == limit:
            queue.expect_more()
        with trio.move_on_at(min(trio.current_time() + LOOK_EVERY, queue.next_due())):
            await queue.wants_more.wait()


async def _look_after_doubts(period: Period) -> None:
    """Rows whose send may have arrived: those of older terms, and those of this one that no worker holds."""
    await trio.sleep(CHORES_AFTER)
    while True:
        await _or_later(lambda: _resolve_doubts(period))
        await trio.sleep(DOUBTS_EVERY)


async def _resolve_doubts(period: Period) -> None:
    await period.inbox.mark_lost(period.term, period.tokens, SEND_DEADLINE)
    for update_id in await period.inbox.resolve_doubts(period.term, period.in_doubt, SEND_DEADLINE):
        log.warning("IN_DOUBT", update_id=update_id, policy=period.in_doubt, epoch=period.term.epoch)
        period.queue.ring()


async def _prune(period: Period) -> None:
    await trio.sleep(CHORES_AFTER)
    while True:
        await _or_later(lambda: period.inbox.prune(KEEP_PROCESSED, PRUNE_ROWS))
        await trio.sleep(PRUNE_EVERY)


async def _close_when(draining: trio.Event, period: Period) -> None:
    await draining.wait()
    period.queue.close()


async def _or_later(work: Callable[[], Awaitable[T]]) -> T | None:
    """Do `work`; if the database is away, say so and return None: whoever calls comes again."""
    try:
        return await work()
    except DatabaseUnavailable as error:
        log.warning("DB_LOST", error=str(error))
        return None
