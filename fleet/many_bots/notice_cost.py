"""What one notification costs everybody who listens in its database, and those in another database of the server."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from fleet.many_bots.meter import Meter
from svc.storage.database import Database, open_database
from svc.storage.keys import NEW_WORK_CHANNEL, new_work_payload

NOBODY = 2**52 - 1
"""A bot whose updates nobody waits for: everybody hears of them, and only that is counted."""
EVERY = 0.2


@dataclass(frozen=True)
class NoticeCost:
    """Processor seconds that one notification takes of the server, and of all members together."""

    server: float
    members: float


async def notice_cost(url: str, meter: Meter, count: int) -> NoticeCost:
    """Notify so many times in the database `url`, beside all that goes on anyhow. Within an asyncio loop."""
    async with open_database(url, size=1) as database:
        await _notify(database)  # the session is there, and its statement is known
        usual = await _used(meter, count, None)
        noticed = await _used(meter, count, database)
    return NoticeCost((noticed[0] - usual[0]) / count, (noticed[1] - usual[1]) / count)


async def _used(meter: Meter, count: int, database: Database | None) -> tuple[float, float]:
    """Processor seconds of the server and the members in the same time, with notifications or without."""
    before = await meter.read()
    for _ in range(count):
        if database is not None:
            await _notify(database)
        await trio.sleep(EVERY)
    used = (await meter.read()).since(before)
    expected = count * EVERY
    return used.server * expected / used.at, used.members * expected / used.at


async def _notify(database: Database) -> None:
    await database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, new_work_payload(NOBODY, [1]))
