"""The way from Trio to Postgres: asyncpg under trio-asyncio, one error for every kind of loss.

Each method crosses to asyncio once and holds its connection on that side only: a connection taken on the Trio side
leaks whenever its task is cancelled.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import structlog
import trio
import trio_asyncio
from asyncpg.connect_utils import SessionAttribute

from svc.observability import errors

log = structlog.get_logger()

T = TypeVar("T")
Connection = Any  # asyncpg.Connection; its stubs want a record type that says nothing here

POOL_SIZE = 8
CONNECT_DEADLINE = 1.5
GIVE_UP_DEADLINE = 0.3
CLOSE_DEADLINE = 2.0
MAX_IDLE = 300.0
STATEMENT_DEADLINE = 1.5

# All the faces that asyncpg gives to "the database is not there (any more)".
_LOST = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, terminated, cancelled
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.ReadOnlySQLTransactionError,  # a primary that became a standby
    asyncpg.TransactionRollbackError,  # chosen to end a deadlock: not done, and may be repeated
    asyncpg.UndefinedTableError,  # BOOT: the schema is not there yet
)


_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)


class DatabaseUnavailable(Exception):
    """The statement may or may not have been done: the connection, the server or the time ran out."""


class DatabaseRefused(Exception):
    """The server is there but will not have us: wrong password, no such database, missing rights."""


class Hosts:
    """The hosts of an address, of which the one that takes writes is wanted.

    asyncpg tries them under one deadline for all, so a first host that does not even refuse (a dead machine) would
    use up every attempt. Here each has its share of CONNECT_DEADLINE, and the one that was good last comes first.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        user, at, hosts = parts.netloc.rpartition("@")
        self._urls = [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]

    async def connect(self, **options: Any) -> Connection:
        """Connect to the first that takes writes. On the asyncio side; raises what asyncpg raises, or DatabaseRefused
        if the address is at fault.
        """
        urls = list(self._urls)
        for url in urls:
            try:
                connection = await asyncpg.connect(
                    url,
                    timeout=CONNECT_DEADLINE / len(urls),
                    target_session_attrs=SessionAttribute.read_write,
                    **options,
                )
            except _LOST:
                if url == urls[-1]:
                    raise
            except ValueError as error:
                # The address itself; never its own text, which may be the password.
                raise DatabaseRefused(f"the database's address cannot be used ({type(error).__name__})") from None
            except asyncpg.UndefinedObjectError as error:
                raise DatabaseRefused(describe(error)) from None  # a parameter in the address that is none
            else:
                self._urls = [url, *(other for other in urls if other != url)]
                return connection
        raise AssertionError("an address has at least one host")


class Database:
    """At most POOL_SIZE connections. Every call has a deadline; every loss is DatabaseUnavailable.

    Not asyncpg's pool: that one starts two tasks and resets the session for every use, which costs as much as the
    statement itself (measured: 365 microseconds a statement against 245).
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._hosts = Hosts(url)
        self._turn = trio.CapacityLimiter(POOL_SIZE)
        self._open: set[Connection] = set()
        # The one used last first, with when that was.
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
        """Run `work`, an asyncio coroutine function that gets a connection, in one crossing."""
        with trio.CancelScope(deadline=trio.current_time() + CONNECT_DEADLINE) as waiting:
            async with self._turn:
                waiting.deadline = math.inf
                with one_error():
                    result: T = await trio_asyncio.aio_as_trio(self._with_connection)(work)
                    return result
        raise DatabaseUnavailable("all connections are in use")

    async def _with_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        connection = self._take() or await self._connect()
        try:
            result = await work(connection)
        except asyncpg.PostgresError:
            # The server's own word: the session is as good as before.
            self._give_back(connection)
            raise
        except BaseException:
            # Cut off in the middle: the statement is cancelled on the server, and the session is not used again.
            self._open.discard(connection)
            await _give_up(connection)  # noqa: ASYNC102 (asyncio's side, bounded)
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
        connection = await self._hosts.connect(
            command_timeout=STATEMENT_DEADLINE, server_settings={"application_name": "svc"}
        )
        try:
            await connection.execute(_PLANNER)
        except BaseException:
            await _give_up(connection)  # noqa: ASYNC102 (asyncio's side, bounded)
            raise
        self._open.add(connection)
        return connection


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """A Database inside asyncio_loop, whose connections are closed at the end of the block."""
    database = Database(url)
    try:
        yield database
    finally:
        with trio.move_on_after(CLOSE_DEADLINE, shield=True):
            await database.close()


@contextmanager
def one_error() -> Iterator[None]:
    """Turn whatever asyncpg raises when the database is away into DatabaseUnavailable or DatabaseRefused."""
    try:
        yield
    except _LOST as error:
        raise DatabaseUnavailable(describe(error)) from error
    except _REFUSED as error:
        raise DatabaseRefused(describe(error)) from error


# A queue's tables are empty one minute and hold a million rows the next. A plan that is cached, or made from what the
# last ANALYZE saw, then scans all of them for every group (seen: begin 10 ms at 30,000 rows, reading back 620 ms at
# 300,000). Every statement here has its index: planned afresh and left no other choice, both stay flat (0.7 and 3 ms).
_PLANNER = """
SET plan_cache_mode = force_custom_plan;
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
"""


async def _give_up(connection: Connection) -> None:
    # Short: whoever was cancelled waits for this, and a lost lease leaves a second to end everything.
    try:
        await connection.close(timeout=GIVE_UP_DEADLINE)
    except (TimeoutError, *_LOST):
        connection.terminate()


def describe(error: BaseException) -> str:
    """One line on a database error, without addresses or secrets."""
    return errors.describe(error)[:200]


@asynccontextmanager
async def asyncio_loop() -> AsyncIterator[None]:
    """The asyncio loop that asyncpg runs in, for everything below.

    trio-asyncio's own handler turns any warning of that loop into an exception in its nursery, which stops its
    socket readers, after which shielded clean-up waits for ever. Ours logs.
    """
    async with trio_asyncio.open_loop() as loop:
        loop.set_exception_handler(_log_loop_error)
        yield


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.warning("ASYNCIO", message=context.get("message"), error=describe(error) if error else None)


async def retry_until_up(work: Callable[[], Awaitable[T]], *, first: float = 0.1, longest: float = 2.0) -> T:
    """Do `work` again and again, with backoff in seconds, until the database is there."""
    delay = first
    while True:
        try:
            return await work()
        except DatabaseUnavailable as error:
            log.warning("DB_WAIT", error=str(error), ms=int(delay * 1000))
        await trio.sleep(delay)
        delay = min(longest, delay * 2)


def column(rows: Sequence[asyncpg.Record], name: str) -> list[Any]:
    """One column of `rows`."""
    return [row[name] for row in rows]
