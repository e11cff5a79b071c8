"""What one notification costs those who listen, in the database in which it is given and in another of the same server.

Every candidate of every bot listens on its session with the lock server, and hears of all bots. Here nothing else goes
on, so that only this is counted.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from fleet.many_bots.meter import processor_seconds, server_processes
from sandbox.postgres import EmbeddedPostgres
from svc.leadership.postgres_lock import PostgresLockSession, connect_lock
from svc.storage.database import Database, open_database
from svc.storage.keys import NEW_WORK_CHANNEL, new_work_payload

LISTENERS = 200
NOTICES = 20
EVERY = 0.1
"""Seconds. Who has not woken yet hears of several at once, which costs less."""
NOBODY = 2**52 - 1
"""A bot whose updates nobody waits for: everybody hears of them, and nobody does anything."""


@dataclass(frozen=True)
class NoticeCost:
    """Processor seconds that one notification takes for each listener: of the server, and of the listener itself."""

    server: float
    listener: float


async def notice_cost(server: EmbeddedPostgres, notified_in: str, listeners_in: str) -> NoticeCost:
    """Notify in one database while sessions listen in another, or in the same. Within an asyncio loop; nobody else may
    be using the server.
    """
    async with open_database(notified_in, size=1) as database, _listeners(listeners_in):
        await _notify(database, 1)  # the session is there, and its statement is known
        at_server, here = processor_seconds(server_processes(server)), time.process_time()
        await trio.sleep(NOTICES * EVERY)
        idle_server = processor_seconds(server_processes(server)) - at_server
        idle_here = time.process_time() - here
        at_server, here = processor_seconds(server_processes(server)), time.process_time()
        await _notify(database, NOTICES)
        used_server = processor_seconds(server_processes(server)) - at_server
        used_here = time.process_time() - here
    heard = NOTICES * LISTENERS
    return NoticeCost((used_server - idle_server) / heard, (used_here - idle_here) / heard)


@asynccontextmanager
async def _listeners(url: str) -> AsyncIterator[None]:
    sessions: list[PostgresLockSession] = []
    try:
        for _ in range(LISTENERS):
            sessions.append(await connect_lock(url, NOBODY - 1, server_timeout=600.0))  # noqa: PERF401 (each is closed)
        yield
    finally:
        for session in sessions:
            session.abandon()


async def _notify(database: Database, count: int) -> None:
    for _ in range(count):
        await database.fetch("SELECT pg_notify($1, $2)", NEW_WORK_CHANNEL, new_work_payload(NOBODY, [1]))
        await trio.sleep(EVERY)
