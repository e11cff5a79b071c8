"""What an instance does with the updates it stores while it is not ACTIVE: it tells the leader, and sends nothing.

Held is only a word for the operator who reads the log: the update is in the inbox, and whoever becomes ACTIVE, this
instance too, reads it from there. After a while this instance expects no more to be the one.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import structlog
import trio

from svc.delivery.database_away import or_later
from svc.keep_up import keep_up
from svc.queue.hints import Hints
from svc.queue.new_work import NewWork
from svc.storage.inbox import Inbox, Received

log = structlog.get_logger()

HELD = 1000
WARM_CONNECTIONS = 4
WARM_EVERY = 60.0
# Ids in one notification. Of more the leader is told without ids: it looks at the newest, which is one statement too.
NOTIFIED_IDS = 400
NOTIFY_AGAIN_AFTER = 1.0


class _Held(NamedTuple):
    until: float
    update_id: int
    chat_id: int
    arrived: float


async def follow(hints: Hints, inbox: Inbox, hold: float, rng: random.Random) -> None:
    """Take what arrives here, tell the leader of it and hold it for `hold` seconds; until cancelled."""
    held: deque[_Held] = deque()
    stored = NewWork()
    async with trio.open_nursery() as nursery:
        for name, work in (
            ("NOTIFY", partial(_notify_of_known, inbox, stored)),
            ("NOTIFY", partial(_notify_of_unknown, inbox, stored)),
            ("WARM", partial(_stay_warm, inbox)),
        ):
            nursery.start_soon(keep_up, name, work, rng)
        while True:
            with trio.move_on_at(held[0].until if held else float("inf")):
                update = await hints.receive()
                _hold(held, update, hold)
                stored.tell([update.update_id])
                if hints.take_lost():
                    stored.tell()
            _drop(held)


def _hold(held: deque[_Held], update: Received, hold: float) -> None:
    log.info("PASSIVE_WAIT", update_id=update.update_id, chat_id=update.chat_id)
    held.append(_Held(trio.current_time() + hold, update.update_id, update.chat_id, update.arrived))


def _drop(held: deque[_Held]) -> None:
    """Forget what was held long enough, and the oldest of too many."""
    while held and (held[0].until <= trio.current_time() or len(held) > HELD):
        update = held.popleft()
        waited = trio.current_time() - update.arrived
        log.warning("PASSIVE_DROP", update_id=update.update_id, chat_id=update.chat_id, held=waited)


async def _notify_of_known(inbox: Inbox, stored: NewWork) -> None:
    """However many updates were stored meanwhile, one notification tells of all of them."""
    while True:
        await stored.known.wait()
        ids = stored.take_ids(NOTIFIED_IDS)
        if len(stored):
            stored.take_ids(len(stored))
            stored.tell()
        elif ids and not await _notified(inbox, ids):
            stored.tell(ids)
            await trio.sleep(NOTIFY_AGAIN_AFTER)


async def _notify_of_unknown(inbox: Inbox, stored: NewWork) -> None:
    while True:
        await stored.unknown.wait()
        if not await _notified(inbox, []):
            stored.tell()
            await trio.sleep(NOTIFY_AGAIN_AFTER)


async def _notified(inbox: Inbox, ids: Sequence[int]) -> bool:
    async def notify() -> bool:
        await inbox.notify_leader(ids)
        return True

    return await or_later(notify) is not None


async def _stay_warm(inbox: Inbox) -> None:
    """Keep as many connections open as an ACTIVE period begins with, and its first statements prepared on them: doing
    that then would be most of a handover.
    """

    async def look() -> None:
        await or_later(inbox.rehearse)

    while True:
        async with trio.open_nursery() as nursery:
            for _ in range(WARM_CONNECTIONS):
                nursery.start_soon(look)
        await trio.sleep(WARM_EVERY)
