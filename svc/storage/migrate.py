"""The schema's migrations: plain SQL files, each applied once, in one transaction, and never changed afterwards."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import resources

import asyncpg

from svc.storage.database import Connection, Database

# An arbitrary constant; only the migrations of this service use it.
ADVISORY_LOCK = 7_240_514_590_001
# idle_session_timeout, on which the lease stands, came with 14.
OLDEST_POSTGRES = 14
# For the migration lock and for each table that a file changes.
LOCK_TIMEOUT = "30s"
# For one file, in seconds.
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

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(Exception):
    """The schema cannot be brought to what this code needs; the text, one line, says why."""


@dataclass(frozen=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum of its content."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True)
class Applied:
    """One row of schema_migrations."""

    version: int
    name: str
    sha256: str


def shipped_migrations() -> list[Migration]:
    """The files of the package `migrations`, in order; raises MigrationError for a name that does not fit."""
    files = [path for path in resources.files("migrations").iterdir() if path.name.endswith(".sql")]
    migrations = []
    for path in sorted(files, key=lambda path: path.name):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not called NNNN_name.sql")
        migrations.append(Migration(int(match[1]), path.name, path.read_text("utf-8")))
    versions = [migration.version for migration in migrations]
    if versions != list(range(1, len(versions) + 1)):
        raise MigrationError(f"the migrations are not numbered 1, 2, 3, ...: {versions}")
    return migrations


def missing(shipped: Sequence[Migration], applied: Sequence[Applied]) -> list[Migration]:
    """What is still to be applied. Raises MigrationError if the database is newer or a file was changed."""
    if len(applied) > len(shipped):
        newest = applied[-1].name
        raise MigrationError(f"the database is newer than this program: it has {newest}, which is not known here")
    for migration, row in zip(shipped, applied, strict=False):
        if (migration.version, migration.sha256) != (row.version, row.sha256):
            raise MigrationError(f"{migration.name} was changed after it was applied: add a new file instead")
    return list(shipped[len(applied) :])


async def pending_migrations(database: Database) -> list[Migration]:
    """What `migrate` would apply. Raises what `migrate` raises."""

    async def work(connection: Connection) -> list[Migration]:
        return missing(shipped_migrations(), await _applied(connection))

    return await database.on_connection(work)


async def migrate(database: Database) -> list[Migration]:
    """Apply what is missing, one transaction a file, under a lock that instances starting together wait for.

    Returns what was applied. Raises MigrationError (the server is too old or the database newer than this program, a
    file was changed, a statement failed, the lock was not free within 30 s), DatabaseUnavailable or DatabaseRefused.
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
    except asyncpg.LockNotAvailableError as error:
        raise MigrationError("another instance holds the migration lock for over 30 s") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(f"the database user may not change the schema: {_line(error)}") from error


@asynccontextmanager
async def _locked(connection: Connection) -> AsyncIterator[None]:
    # The session goes back to the pool as it was.
    async with AsyncExitStack() as undo:
        await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        undo.push_async_callback(connection.execute, "RESET lock_timeout")
        await connection.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK, timeout=60)
        undo.push_async_callback(connection.execute, "SELECT pg_advisory_unlock($1)", ADVISORY_LOCK)
        yield


async def _apply(connection: Connection, migration: Migration) -> None:
    outside = migration.sql.startswith("-- without a transaction")
    try:
        for statement in migration.sql.split(";") if outside else ():
            await connection.execute(statement, timeout=FILE_TIMEOUT)
        async with connection.transaction():
            await connection.execute("" if outside else migration.sql, timeout=FILE_TIMEOUT)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.sha256,
            )
    except _NOT_THE_FILE:
        raise
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.name} failed: {_line(error)}") from error


def _line(error: asyncpg.PostgresError) -> str:
    return " ".join(str(error).split())


async def _applied(connection: Connection) -> list[Applied]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return []
    rows = await connection.fetch("SELECT version, name, sha256 FROM schema_migrations ORDER BY version")
    return [Applied(row["version"], row["name"], row["sha256"]) for row in rows]
