"""What an instance does with the updates it stores while it is not ACTIVE: it tells the leader, and sends nothing.

Held is only a word for the operator who reads the log: the update is in the inbox, and whoever becomes ACTIVE, this
instance too, reads it from there. After a while this instance expects no more to be the one.
"""

from __future__ import annotations

from collections import deque
from functools import partial

import structlog
import trio

from svc.delivery.chores import or_later
from svc.storage.inbox import Inbox, Received
from svc.waiting import Wakeup

log = structlog.get_logger()

HELD = 1000
WARM_CONNECTIONS = 4
WARM_EVERY = 60.0


async def follow(hints: trio.MemoryReceiveChannel[Received], inbox: Inbox, hold: float) -> None:
    """Take what arrives here, tell the leader of it and hold it for `hold` seconds; until cancelled."""
    held: deque[tuple[float, Received]] = deque()
    stored = Wakeup()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_notify_leader, inbox, stored)
        nursery.start_soon(_stay_warm, inbox)
        while True:
            with trio.move_on_at(held[0][0] if held else float("inf")):
                update = await hints.receive()
                log.info("PASSIVE_WAIT", update_id=update.update_id, chat_id=update.chat_id)
                held.append((trio.current_time() + hold, update))
                stored.set()
            _drop(held)


def _drop(held: deque[tuple[float, Received]]) -> None:
    """Forget what was held long enough, and the oldest of too many."""
    while held and (held[0][0] <= trio.current_time() or len(held) > HELD):
        _, update = held.popleft()
        waited = trio.current_time() - update.arrived
        log.warning("PASSIVE_DROP", update_id=update.update_id, chat_id=update.chat_id, held=waited)


async def _notify_leader(inbox: Inbox, stored: Wakeup) -> None:
    """However many updates were stored meanwhile, one notification tells of all of them."""
    while True:
        await stored.wait()
        await or_later(inbox.notify_leader)


async def _stay_warm(inbox: Inbox) -> None:
    """Keep as many connections open as an ACTIVE period begins with: opening them would be most of a handover."""

    async def look() -> None:
        await or_later(partial(inbox.backfill, 1))

    while True:
        async with trio.open_nursery() as nursery:
            for _ in range(WARM_CONNECTIONS):
                nursery.start_soon(look)
        await trio.sleep(WARM_EVERY)
