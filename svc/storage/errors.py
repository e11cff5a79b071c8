"""What can go wrong between this service and Postgres: few errors, whatever the driver raised.

    DatabaseUnavailable        no answer, or none that helps: wait and try again
    ├── DatabaseRefused        the server refuses us: at BOOT a fault of the set-up, later waited out like the others
    └── StatementFailed        the server answers, and did not do this one statement
        └── DatabaseBusy       because somebody else had the row, or because it took too long

Only what the data itself is to blame for is raised as asyncpg has it: the same statement would fail for ever.
"""

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
    asyncpg.IdleInTransactionSessionTimeoutError,  # this process was stopped within a transaction
    asyncpg.TransactionTimeoutError,
)

REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)

_BUSY = (
    TimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
)

_DATA_CLASSES = ("22", "23")  # of SQLSTATE: data exception, integrity constraint violation


class DatabaseUnavailable(Exception):
    """The connection, the server or the time ran out; the statement may or may not have been done."""


class DatabaseRefused(DatabaseUnavailable):
    """The server answered and refused: wrong password, no such database, missing rights.

    At BOOT that ends the instance, since waiting would not help. Later it is waited out: rights are taken and given
    back, and no instance may end for what the others meet as well.
    """


class StatementFailed(DatabaseUnavailable):
    """The server answered and did not do this statement. The session stands, and other rows may be fine."""


class DatabaseBusy(StatementFailed):
    """A lock was not free in time, or the statement took too long; only then it may have been done all the same."""


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn what asyncpg raises within the block into one of the errors above, but for what the data is to blame for.

    The text is the server's or the system's own. It may name the host and the user, never the password: the one error
    that could quote it, for an address that cannot be parsed, is dealt with in `Hosts`.
    """
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        kind = _kind_of(error)
        if kind is None:
            raise
        raise kind(describe(error)) from error


def _kind_of(error: Exception) -> type[DatabaseUnavailable] | None:
    """What `error` is raised as; None for one that is about the data given."""
    if isinstance(error, _BUSY):
        return DatabaseBusy
    if isinstance(error, REFUSED):
        return DatabaseRefused
    if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] in _DATA_CLASSES:
        return None
    return DatabaseUnavailable if isinstance(error, LOST) else StatementFailed
