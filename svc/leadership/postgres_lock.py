"""The lock that makes an instance the leader: a session advisory lock on a connection of its own.

Never from a pool (asyncpg's pool unlocks everything on release) and never inside a transaction. The server ends the
session when it has been silent for the lease's `server_timeout`, which is what frees the lock of a paused process.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import trio
import trio_asyncio

from svc.observability.errors import describe
from svc.storage.database import STATEMENT_DEADLINE, DatabaseRefused, DatabaseUnavailable
from svc.storage.errors import mapped_errors
from svc.storage.hosts import Hosts
from svc.storage.inbox import Term
from svc.storage.keys import NEW_WORK_CHANNEL, RELEASED_CHANNEL, lock_is_held, lock_key, new_work_ids, orders_payload
from svc.waiting import Wakeup

STATEMENT_TIMEOUT = 1.0
_SESSION_ENDED = (asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.IdleSessionTimeoutError)

BEAT = f"""
SELECT {lock_is_held("$1", "pg_backend_pid()")}
   AND EXISTS (SELECT FROM leadership WHERE bot_id = $2 AND epoch = $3 AND holder = $4)
   AND ARRAY(SELECT pg_listening_channels()) @> $5::text[] AS ours
"""

UNLOCK_AND_NOTIFY = "SELECT pg_advisory_unlock($1), pg_notify($2, $3)"


class PoolerInTheWay(DatabaseRefused):
    """The lock's address leads to a connection pooler, which breaks session locks silently."""


class PostgresLockSession:
    """The connection for one bot's lock. Implements `svc.leadership.election.LockSession`.

    `on_new_work` is called with the ids of updates that other instances stored; with none where it is not said which.
    `on_orders` is called when an operator has ordered something.
    """

    def __init__(
        self, connection: Any, bot_id: int, on_new_work: Callable[[Sequence[int]], None], on_orders: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._bot_id = bot_id
        self._key = lock_key(bot_id)
        self._on_new_work = on_new_work
        self._on_orders = on_orders
        self._released = Wakeup()
        self.closed = trio.Event()
        connection.add_termination_listener(self._closed)

    @property
    def pid(self) -> int | None:
        return int(self._connection.get_server_pid())

    async def try_lock(self) -> bool:
        # Before the attempt, so that a release announced right after it is not missed.
        self._released.clear()
        return bool(await self._value("SELECT pg_try_advisory_lock($1)", self._key))

    async def beat(self, term: Term) -> bool:
        channels = [NEW_WORK_CHANNEL, RELEASED_CHANNEL]
        return bool(await self._value(BEAT, self._key, self._bot_id, term.epoch, term.holder, channels))

    async def wait_for_release(self) -> None:
        await self._released.wait()

    async def release(self) -> None:
        await self._value(UNLOCK_AND_NOTIFY, self._key, RELEASED_CHANNEL, str(self._bot_id))
        self.abandon()

    def severed(self) -> bool:
        return self.closed.is_set() or is_closed_by_peer(self._connection)

    def abandon(self) -> None:
        self.closed.set()
        self._connection.terminate()

    async def listen(self) -> None:
        """Hear of released locks, of new work that other instances stored and of orders. On the asyncio side."""
        await self._connection.add_listener(RELEASED_CHANNEL, self._hear)
        await self._connection.add_listener(NEW_WORK_CHANNEL, self._hear)

    def _closed(self, _connection: object) -> None:
        self.closed.set()

    def _hear(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        if channel == RELEASED_CHANNEL:
            if payload == str(self._bot_id):
                self._released.set()
        elif payload == orders_payload(self._bot_id):
            self._on_orders()
        elif (update_ids := new_work_ids(str(payload), self._bot_id)) is not None:
            self._on_new_work(update_ids)

    async def _value(self, sql: str, *args: Any) -> Any:
        try:
            with mapped_errors():
                return await trio_asyncio.aio_as_trio(self._connection.fetchval)(sql, *args, timeout=STATEMENT_DEADLINE)
        except DatabaseUnavailable as error:
            # asyncpg's termination listener is silent where the server's last word answered a statement.
            if self._connection.is_closed() or isinstance(error.__cause__, _SESSION_ENDED):
                self.closed.set()
            raise


def is_closed_by_peer(connection: Any) -> bool:
    """Whether the server has closed this asyncpg connection, as the system knows, with its last words still unread.

    Where the system cannot tell (POLLRDHUP is Linux's), only a connection that has been reset counts.
    """
    transport = connection._transport  # asyncpg does not show it
    handle = transport.get_extra_info("socket") if transport is not None else None
    if handle is None or handle.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(handle.fileno(), getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def ignore(_update_ids: Sequence[int] = ()) -> None:
    """For a session that is only tried."""


async def connect_lock(
    url: str,
    bot_id: int,
    *,
    server_timeout: float,
    on_new_work: Callable[[Sequence[int]], None] = ignore,
    on_orders: Callable[[], None] = ignore,
) -> PostgresLockSession:
    """Open the connection and prove that it is what the lease needs.

    `server_timeout` (seconds) is how long the server lets the session be silent. Raises DatabaseUnavailable, of its
    kinds PoolerInTheWay if the address leads to a pooler.
    """
    with mapped_errors():
        session: PostgresLockSession = await trio_asyncio.aio_as_trio(_open)(
            url, bot_id, server_timeout, on_new_work, on_orders
        )
        return session


async def _open(
    url: str,
    bot_id: int,
    server_timeout: float,
    on_new_work: Callable[[Sequence[int]], None],
    on_orders: Callable[[], None],
) -> PostgresLockSession:
    milliseconds = {
        "idle_session_timeout": round(server_timeout * 1000),
        "idle_in_transaction_session_timeout": round(server_timeout * 1000),
        "statement_timeout": round(STATEMENT_TIMEOUT * 1000),
    }
    try:
        # Of several hosts the one that takes writes: a standby would grant a lock of its own, worth nothing.
        connection = await Hosts(url).connect(
            server_settings={name: str(value) for name, value in milliseconds.items()}
            | {"application_name": "svc lock", "default_transaction_isolation": "read committed"}
        )
    except asyncpg.ProtocolViolationError as error:
        # Here, because further out it would count as a lost connection.
        raise PoolerInTheWay(_advice(url, describe(error))) from error
    try:
        async with asyncio.timeout(STATEMENT_DEADLINE):
            await _prove(connection, url, milliseconds)
            session = PostgresLockSession(connection, bot_id, on_new_work, on_orders)
            await session.listen()
    except BaseException:
        connection.terminate()
        raise
    return session


async def _prove(connection: Any, url: str, milliseconds: dict[str, int]) -> None:
    rows = await connection.fetch(
        "SELECT name, setting, pg_backend_pid() AS pid FROM pg_settings WHERE name = ANY ($1::text[])",
        list(milliseconds),
    )
    if {row["name"]: int(row["setting"]) for row in rows} != milliseconds:
        raise PoolerInTheWay(_advice(url, "it did not take the session's timeouts"))
    if rows[0]["pid"] != connection.get_server_pid():
        raise PoolerInTheWay(_advice(url, "its backends change"))


def _advice(url: str, why: str) -> str:
    host = urlsplit(url).hostname or "the database's host"
    return f"{host} is a connection pooler ({why}): point LEADER_DATABASE_URL at Postgres itself"
