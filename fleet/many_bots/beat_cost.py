"""What a leader's heartbeat and another candidate's look at the lock cost the server, beside whatever else is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from fleet.many_bots.meter import processor_seconds
from fleet.many_bots.notice_cost import NOBODY
from svc.leadership.postgres_lock import connect_lock
from svc.storage.inbox import Term

TIMES = 100


@dataclass(frozen=True)
class BeatCost:
    """Seconds of the server's processor for one heartbeat and for one look."""

    beat: float
    look: float


async def beat_cost(url: str) -> BeatCost:
    """Measured on one session more, by the processor time of its own server process. Within an asyncio loop."""
    session = await connect_lock(url, NOBODY, server_timeout=600.0)
    assert session.pid is not None
    try:
        beat = await _each(session.pid, partial(session.beat, Term(1, UUID(int=0))))
        return BeatCost(beat, await _each(session.pid, session.try_lock))
    finally:
        session.abandon()


async def _each(pid: int, work: Callable[[], Awaitable[bool]]) -> float:
    await work()
    before = processor_seconds([pid])
    for _ in range(TIMES):
        await work()
    return (processor_seconds([pid]) - before) / TIMES
