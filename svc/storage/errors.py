"""What can go wrong between this service and Postgres: two errors, whatever the driver raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from svc.observability.errors import describe

# Everything that asyncpg raises where the database cannot be reached, or can no longer be.
LOST = (
    OSError,  # also TimeoutError
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
    """The connection, the server or the time ran out; the statement may or may not have been done."""


class DatabaseRefused(Exception):
    """The server answered and refused: wrong password, no such database, missing rights. Waiting does not help."""


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn what asyncpg raises within the block into DatabaseUnavailable or DatabaseRefused, where it is one of them.

    The text is the server's or the system's own. It may name the host and the user, never the password: the one error
    that could quote it, for an address that cannot be parsed, is dealt with in `Hosts`.
    """
    try:
        yield
    except LOST as error:
        raise DatabaseUnavailable(describe(error)) from error
    except _REFUSED as error:
        raise DatabaseRefused(describe(error)) from error
