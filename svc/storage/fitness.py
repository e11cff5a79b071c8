"""Whether the server behind an address is one on which the promises can be kept: asked at BOOT and by `svc check`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio_asyncio

from svc.storage.database import STATEMENT_DEADLINE, DatabaseRefused
from svc.storage.errors import mapped_errors
from svc.storage.hosts import Connection, Hosts
from svc.storage.sessions import close_connection

# How often two sessions are asked for their server processes.
LOOKS = 3


class Unfit(DatabaseRefused):
    """The server answers, and a promise would be broken on it; the text, one line, says which and what to do."""


async def examine(url: str) -> list[str]:
    """Look at the server behind DATABASE_URL; what is no fault and should be known, each in a few words.

    Raises Unfit, DatabaseRefused or DatabaseUnavailable.
    """
    with mapped_errors():
        warnings: list[str] = await trio_asyncio.aio_as_trio(_examine)(url)
        return warnings


async def _examine(url: str) -> list[str]:
    async with _session(url) as session:
        if await _shares_processes(session, url):
            raise Unfit(
                f"{urlsplit(url).hostname or 'the host'} is a connection pooler in transaction mode, where sessions "
                "have no settings of their own: use its session mode, or point DATABASE_URL at Postgres itself"
            )
        return await _durability(session)


async def _durability(session: Connection) -> list[str]:
    if await session.fetchval("SHOW synchronous_commit") == "off":
        raise Unfit(
            "synchronous_commit is off: when the server crashes, updates that were acknowledged are lost. Set it to on "
            "for the server or this user, or add synchronous_commit=on to the parameters of DATABASE_URL"
        )
    if await session.fetchval("SHOW fsync") == "off":
        return ["fsync is off: a crash of its machine may lose everything"]
    return []


async def _shares_processes(session: Connection, url: str) -> bool:
    """Whether sessions are given a server process for each transaction, and not one of their own.

    A pooler cannot be asked for its mode. But through one, the process of a session is not the one that was announced;
    and where two sessions, whose transactions take turns and overlap, are ever seen in the same process, neither has
    one of its own.
    """
    ours, theirs = {await _process_of(session)}, set()
    if ours == {session.get_server_pid()}:
        return False
    async with _session(url) as other:
        for _ in range(LOOKS):
            async with other.transaction():
                theirs.add(await other.fetchval("SELECT pg_backend_pid()"))
                # Looked at here too: where there is only one process, the first session would wait for it.
                if not ours & theirs:
                    ours.add(await _process_of(session))
    return bool(ours & theirs) or len(ours) > 1 or len(theirs) > 1


async def _process_of(session: Connection) -> int:
    # Within a transaction, which keeps a pooler from dividing the steps of one statement between processes.
    async with session.transaction():
        process: int = await session.fetchval("SELECT pg_backend_pid()")
        return process


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[Connection]:
    """A session without any settings of ours, so that a pooler has none to refuse."""
    session = await Hosts(url).connect(
        command_timeout=STATEMENT_DEADLINE,
        statement_cache_size=0,
        server_settings={"application_name": "svc"},
    )
    try:
        yield session
    finally:
        await close_connection(session)  # noqa: ASYNC102 (asyncio's side, bounded)
