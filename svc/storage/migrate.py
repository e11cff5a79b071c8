"""The schema's migrations: plain SQL files, each applied once and never changed afterwards.

A file is one transaction. While it waits for a table behind somebody's long transaction, everybody else waits behind
it; so it waits for a moment only, lets them pass, and tries again. A file whose first line is
`-- without a transaction` is for `CREATE INDEX CONCURRENTLY`, which holds up nobody and needs to be outside of one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import structlog

from svc.storage.database import LOCK_TIMEOUT, Connection, Database
from svc.storage.migration_files import (
    Applied,
    Migration,
    MigrationError,
    missing,
    shipped_migrations,
    statements_of,
)
from svc.storage.sessions import milliseconds
from svc.waiting import Backoff

__all__ = ["MIGRATION_SESSIONS", "Migration", "MigrationError", "migrate", "pending_migrations", "shipped_migrations"]

log = structlog.get_logger()

# An arbitrary constant; only the migrations of this service use it.
ADVISORY_LOCK = 7_240_514_590_001
# idle_session_timeout, on which the lease stands, came with 14.
OLDEST_POSTGRES = 14
MIGRATION_SESSIONS = {"statement_timeout": "0"}
"""The settings of sessions for `migrate`: building an index may take its time."""
# In seconds. For a table: less than the sessions of running instances wait for a lock, so that none of their statements
# fails because a migration stands in the queue before it.
TABLE_LOCK_TIMEOUT = LOCK_TIMEOUT * 0.8
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 5.0
TABLE_PATIENCE = 60.0
# For another instance that is migrating.
MIGRATION_PATIENCE = 120.0
# For one file, or one statement of a file without a transaction.
FILE_TIMEOUT = 600.0

# Errors for which the file is not to blame: a right is missing, or the next try may succeed.
_NOT_THE_FILE = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
)

CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
RECORD = "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)"
OLDEST_TRANSACTION = """
SELECT format('the oldest is of process %s (%s), %s s old', pid,
              coalesce(nullif(application_name, ''), usename::text, backend_type),
              extract(epoch FROM now() - xact_start)::int)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""


async def pending_migrations(database: Database) -> list[Migration]:
    """What `migrate` would apply. Raises what `migrate` raises."""

    async def work(connection: Connection) -> list[Migration]:
        return missing(shipped_migrations(), await _applied(connection))

    return await database.on_connection(work)


async def migrate(database: Database) -> list[Migration]:
    """Apply what is missing, file by file, under a lock that instances starting together wait for.

    Returns what was applied. `database` is one with MIGRATION_SESSIONS. Raises MigrationError (the server is too old
    or the database newer than this program, a file was changed, a statement failed, a lock was not to be had),
    DatabaseUnavailable or DatabaseRefused.
    """
    return await database.on_connection(_migrate)


async def _migrate(connection: Connection) -> list[Migration]:
    version = connection.get_server_version().major
    if version < OLDEST_POSTGRES:
        raise MigrationError(f"Postgres {version} is too old: {OLDEST_POSTGRES} or newer is needed")
    # Most starts find nothing to do and need neither the lock nor the right to create tables.
    todo = missing(shipped_migrations(), await _applied(connection))
    if not todo:
        return []
    try:
        async with _locked(connection):
            await connection.execute(CREATE_TABLE)
            todo = missing(shipped_migrations(), await _applied(connection))
            for migration in todo:
                await _apply(connection, migration)
            return todo
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(f"the database user may not change the schema: {_line(error)}") from error


@asynccontextmanager
async def _locked(connection: Connection) -> AsyncIterator[None]:
    # The session goes back to the pool as it was.
    async with AsyncExitStack() as undo:
        await _take_lock(connection)
        undo.push_async_callback(connection.execute, "SELECT pg_advisory_unlock($1)", ADVISORY_LOCK)
        undo.push_async_callback(connection.execute, "RESET lock_timeout")
        yield


async def _take_lock(connection: Connection) -> None:
    # Asked for again and again: a statement that waited would be an open transaction, and CREATE INDEX CONCURRENTLY
    # in the instance that has the lock would wait for it.
    async def ask() -> str | None:
        taken = await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK)
        return None if taken else "another instance is migrating"

    if await _repeat(ask, MIGRATION_PATIENCE, lock="migrations"):
        raise MigrationError(f"another instance holds the migration lock for over {MIGRATION_PATIENCE:g} s")


async def _apply(connection: Connection, migration: Migration) -> None:
    timeout = TABLE_LOCK_TIMEOUT if migration.in_transaction else FILE_TIMEOUT
    try:
        await connection.execute(f"SET lock_timeout = {milliseconds(timeout)}")
        if not migration.in_transaction:
            await _apply_statements(connection, migration)
        elif busy := await _repeat(lambda: _apply_whole(connection, migration), TABLE_PATIENCE, name=migration.name):
            raise MigrationError(await _in_use(connection, migration, busy))
    except TimeoutError as error:
        raise MigrationError(f"{migration.name} failed: not done within {FILE_TIMEOUT:g} s") from error
    except _NOT_THE_FILE:
        raise
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.name} failed: {_line(error)}") from error


async def _in_use(connection: Connection, migration: Migration, busy: str) -> str:
    oldest = await connection.fetchval(OLDEST_TRANSACTION)
    return (
        f"{migration.name} failed: a table that it changes was in use at every try for {TABLE_PATIENCE:g} s ({busy}). "
        "Look in pg_stat_activity for long transactions, such as a dump's" + (f"; {oldest}" if oldest else "")
    )


async def _apply_whole(connection: Connection, migration: Migration) -> str | None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql, timeout=FILE_TIMEOUT)
            await _record(connection, migration)
    except asyncpg.LockNotAvailableError as error:
        return _line(error)
    return None


async def _apply_statements(connection: Connection, migration: Migration) -> None:
    for statement in statements_of(migration.sql):
        await connection.execute(statement, timeout=FILE_TIMEOUT)
    await _record(connection, migration)


async def _record(connection: Connection, migration: Migration) -> None:
    await connection.execute(RECORD, migration.version, migration.name, migration.sha256)


async def _repeat(work: Callable[[], Awaitable[str | None]], patience: float, **about: str) -> str | None:
    """Do `work` until it returns None, for `patience` seconds; else what it returned last: why it cannot be done yet.

    Each wait is logged. On the asyncio side.
    """
    now = asyncio.get_running_loop().time
    backoff = Backoff(FIRST_BACKOFF, LONGEST_BACKOFF, random.Random())  # noqa: S311 (jitter)
    give_up = now() + patience
    while busy := await work():
        delay = backoff.next()
        if now() + delay > give_up:
            return busy
        log.warning("MIGRATION_WAIT", **about, error=busy, ms=int(delay * 1000))
        await asyncio.sleep(delay)
    return None


def _line(error: asyncpg.PostgresError) -> str:
    return " ".join(str(error).split())


async def _applied(connection: Connection) -> list[Applied]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return []
    rows = await connection.fetch("SELECT version, name, sha256 FROM schema_migrations ORDER BY version")
    return [Applied(row["version"], row["name"], row["sha256"]) for row in rows]
