"""The way from Trio to Postgres: asyncpg under trio-asyncio, with a deadline for everything.

Each method crosses to asyncio once and holds its connection on that side only: a connection taken on the Trio side
leaks whenever its task is cancelled.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import structlog
import trio
import trio_asyncio

from svc.storage.asyncio_loop import asyncio_loop
from svc.storage.errors import DatabaseBusy, DatabaseRefused, DatabaseUnavailable, StatementFailed, mapped_errors
from svc.storage.hosts import CONNECT_DEADLINE, Connection
from svc.storage.sessions import Sessions, close_connection, milliseconds
from svc.waiting import Backoff

__all__ = [
    "Connection",
    "Database",
    "DatabaseBusy",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "StatementFailed",
    "asyncio_loop",
    "column",
    "idle_transaction_limit",
    "open_database",
    "retry_until_up",
]

log = structlog.get_logger()

T = TypeVar("T")

POOL_SIZE = 8
# In seconds.
CLOSE_DEADLINE = 2.0
MAX_IDLE = 300.0
STATEMENT_DEADLINE = 1.5
# Shorter than a statement may take: who waits for a row that somebody else has should hear so from the server, which
# leaves the session as it was, and not by running out of time.
LOCK_TIMEOUT = 0.5
# Where nobody says otherwise; the service's own sessions have LEASE.
IDLE_IN_TRANSACTION = 3.0


def session_settings(statement_deadline: float | None = None) -> dict[str, str]:
    """What every session is told when it is opened. Most are for when this process is stopped, or its host gone: then
    the server ends by itself what it had begun, and lets others have the rows.
    """
    return {
        "application_name": "svc",
        # The statements are written for it; a role or a database may have another default.
        "default_transaction_isolation": "read committed",
        "lock_timeout": milliseconds(LOCK_TIMEOUT),
        "statement_timeout": milliseconds(2 * (statement_deadline or STATEMENT_DEADLINE)),
        **idle_transaction_limit(IDLE_IN_TRANSACTION),
    }


def idle_transaction_limit(seconds: float) -> dict[str, str]:
    """The setting after which the server ends a session that has begun a transaction and is silent."""
    return {"idle_in_transaction_session_timeout": milliseconds(seconds)}


class Database:
    """At most `size` connections. Every call has a deadline; every loss is DatabaseUnavailable.

    `settings` are what every session is told besides `session_settings()`, or instead of it. A statement may take
    `statement_deadline` seconds, STATEMENT_DEADLINE where nobody says otherwise.

    Not asyncpg's pool: that one starts two tasks and resets the session for every use, which costs as much as the
    statement itself (measured: 365 microseconds a statement against 245).
    """

    def __init__(
        self,
        url: str,
        *,
        settings: Mapping[str, str] | None = None,
        size: int = POOL_SIZE,
        statement_deadline: float | None = None,
    ) -> None:
        self.url = url
        self.settings = dict(settings or {})
        self._statement_deadline = statement_deadline
        self._sessions = Sessions(url)
        self._limit = trio.CapacityLimiter(size)
        self._open: set[Connection] = set()
        # The one used last comes first; each with the time of that use, on asyncio's clock.
        self._free: list[tuple[Connection, float]] = []

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Run one statement and return its rows."""

        async def work(connection: Connection) -> list[asyncpg.Record]:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
            return rows

        return await self.on_connection(work)

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work`, an asyncio coroutine function that gets a connection, in one transaction."""

        async def within(connection: Connection) -> T:
            async with connection.transaction():
                return await work(connection)

        return await self.on_connection(within)

    async def close(self) -> None:
        """Close every connection at once; statements that are under way end with DatabaseUnavailable."""
        await trio_asyncio.aio_as_trio(self._terminate)()

    async def on_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work`, an asyncio coroutine function that gets a connection, in one crossing.

        Raises DatabaseUnavailable, also when no connection is free within CONNECT_DEADLINE; which of its kinds tells
        why. What the server says about the data given is raised as it is.
        """
        with trio.CancelScope(deadline=trio.current_time() + CONNECT_DEADLINE) as waiting:
            async with self._limit:
                waiting.deadline = math.inf
                with mapped_errors():
                    result: T = await trio_asyncio.aio_as_trio(self._with_connection)(work)
                    return result
        raise DatabaseUnavailable("all connections are in use")

    async def _with_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        connection = self._take() or await self._connect()
        try:
            result = await work(connection)
        except asyncpg.PostgresError:
            # The server has answered, so the session is as good as before.
            self._give_back(connection)
            raise
        except BaseException:
            # Cut off in the middle: the statement is cancelled on the server, and the session is not used again.
            self._open.discard(connection)
            await close_connection(connection)  # noqa: ASYNC102 (asyncio's side, bounded)
            raise
        self._give_back(connection)
        return result

    async def _terminate(self) -> None:
        for connection in self._open:
            connection.terminate()
        self._open.clear()
        self._free.clear()
        # asyncio closes the sockets in its next round.
        await asyncio.sleep(0)

    def _take(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._free:
            connection, since = self._free.pop()
            if now - since < MAX_IDLE and not connection.is_closed():
                return connection
            self._open.discard(connection)
            connection.terminate()
        return None

    def _give_back(self, connection: Connection) -> None:
        if connection.is_closed():
            self._open.discard(connection)
        else:
            self._free.append((connection, asyncio.get_running_loop().time()))

    async def _connect(self) -> Connection:
        connection = await self._sessions.open(
            session_settings(self._statement_deadline) | self.settings,
            statement_deadline=self._statement_deadline or STATEMENT_DEADLINE,
        )
        self._open.add(connection)
        return connection


@asynccontextmanager
async def open_database(
    url: str,
    *,
    settings: Mapping[str, str] | None = None,
    size: int = POOL_SIZE,
    statement_deadline: float | None = None,
) -> AsyncIterator[Database]:
    """A Database inside asyncio_loop, whose connections are closed at the end of the block."""
    database = Database(url, settings=settings, size=size, statement_deadline=statement_deadline)
    try:
        yield database
    finally:
        with trio.move_on_after(CLOSE_DEADLINE, shield=True):
            await database.close()


async def retry_until_up(work: Callable[[], Awaitable[T]], *, first: float = 0.1, longest: float = 2.0) -> T:
    """The result of `work`, tried again after pauses of `first` to `longest` seconds while the database is away.

    Raises DatabaseRefused at once: this is for BOOT, when somebody can still mend what is refused.
    """
    backoff = Backoff(first, longest, random.Random())  # noqa: S311 (jitter)
    while True:
        try:
            return await work()
        except DatabaseRefused:
            raise
        except DatabaseUnavailable as error:
            delay = backoff.next()
            log.warning("DB_WAIT", error=str(error), ms=int(delay * 1000))
        await trio.sleep(delay)


def column(rows: Sequence[asyncpg.Record], name: str) -> list[Any]:
    """One column of `rows`."""
    return [row[name] for row in rows]
