"""What a server may say at any moment: after BOOT no instance ends for it, and what has happened is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import pytest
import trio
import trio.testing
import trio_asyncio

from sandbox.postgres import EmbeddedPostgres
from svc.storage.database import Database, retry_until_up
from svc.storage.errors import (
    DatabaseBusy,
    DatabaseRefused,
    DatabaseUnavailable,
    StatementFailed,
    mapped_errors,
)
from svc.storage.group_commit import GroupCommit
from svc.waiting import Wakeup
from tests.conftest import open_database

SQL = asyncpg.exceptions


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SQL.AdminShutdownError(""), DatabaseUnavailable),
        (SQL.DeadlockDetectedError(""), DatabaseUnavailable),
        (SQL.IdleInTransactionSessionTimeoutError(""), DatabaseUnavailable),
        (ConnectionResetError(), DatabaseUnavailable),
        (SQL.InvalidPasswordError(""), DatabaseRefused),
        (SQL.InsufficientPrivilegeError(""), DatabaseRefused),
        (SQL.LockNotAvailableError(""), DatabaseBusy),
        (SQL.QueryCanceledError(""), DatabaseBusy),
        (TimeoutError(), DatabaseBusy),
        (SQL.ObjectNotInPrerequisiteStateError(""), StatementFailed),
        (SQL.DataCorruptedError(""), StatementFailed),
        (SQL.RaiseError(""), StatementFailed),
        (SQL.UndefinedFunctionError(""), StatementFailed),
        (asyncpg.PostgresError(""), StatementFailed),
        (SQL.NumericValueOutOfRangeError(""), None),
        (SQL.UniqueViolationError(""), None),
    ],
)
def test_kinds_of_errors(error: Exception, kind: type[Exception] | None) -> None:
    """Whatever the server says is the database's absence of some kind, but for what the data is to blame for."""
    with pytest.raises(kind or type(error)) as raised, mapped_errors():
        raise error
    assert type(raised.value) is (kind or type(error))
    assert issubclass(type(raised.value), DatabaseUnavailable) == (kind is not None)


async def test_data_that_cannot_even_be_sent_is_to_blame(database: Database) -> None:
    """asyncpg refuses it as the server would; it is not the connection that is lost."""
    with pytest.raises(SQL.DataError, match="int64"):
        await database.fetch("SELECT $1::bigint", 2**64)
    with pytest.raises(SQL.DivisionByZeroError):
        await database.fetch("SELECT 1 / 0")


async def test_a_refusal_is_not_waited_out_at_boot(autojump_clock: trio.testing.MockClock) -> None:
    """Then somebody can mend it, and has to; a busy database is waited for."""
    errors = iter([DatabaseBusy("locked"), StatementFailed("odd"), DatabaseRefused("wrong password")])

    async def work() -> None:
        await trio.lowlevel.checkpoint()
        raise next(errors)

    with pytest.raises(DatabaseRefused):
        await retry_until_up(work)


class Settlements:
    """Rows that a durable group commit writes as the user `settler`, and what was said when it could not."""

    def __init__(self, database: Database) -> None:
        self.errors: list[Exception] = []
        self.commit: GroupCommit[int, None] = GroupCommit(self._write, durable=True)
        self._database = database
        self._failed = Wakeup()

    async def _write(self, group: Sequence[int]) -> list[None]:
        try:
            await self._database.fetch("INSERT INTO written SELECT * FROM unnest($1::int[])", list(group))
        except Exception as error:
            self.errors.append(error)
            self._failed.set()
            raise
        return [None] * len(group)

    async def failures(self, count: int) -> None:
        """Return once so many tries have failed."""
        with trio.fail_after(30):
            while len(self.errors) < count:
                await self._failed.wait()

    async def rows(self) -> list[int]:
        """What has been written, once nothing waits any more."""
        with trio.fail_after(30):
            await self.commit.flush()
        return [row["id"] for row in await self._database.fetch("SELECT id FROM written ORDER BY id")]


@dataclass
class Outside:
    """The administrator of the server."""

    server: EmbeddedPostgres
    name: str
    """The name of the database."""

    async def __call__(self, sql: str, database: str = "postgres") -> None:
        """Run `sql`, in which {db} is the database."""
        await trio.to_thread.run_sync(self.server.execute, sql.format(db=self.name), database)

    async def end_sessions(self) -> None:
        """End all that the user has."""
        await self("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'settler'")


@pytest.fixture
async def outside(postgres: EmbeddedPostgres, database_url: str) -> Outside:
    outside = Outside(postgres, urlsplit(database_url).path[1:])
    await outside("DROP ROLE IF EXISTS settler")
    await outside("CREATE ROLE settler LOGIN")
    await outside("CREATE TABLE written (id int PRIMARY KEY); GRANT ALL ON written TO settler", outside.name)
    return outside


@pytest.fixture
async def settlements(outside: Outside, database_url: str) -> AsyncIterator[Settlements]:
    async with (
        open_database(database_url.replace("postgres@", "settler@")) as database,
        trio.open_nursery() as nursery,
    ):
        settlements = Settlements(database)
        nursery.start_soon(settlements.commit.run)
        yield settlements
        nursery.cancel_scope.cancel()


async def submit(settlements: Settlements, items: Sequence[int]) -> None:
    async with trio.open_nursery() as nursery:
        for item in items:
            nursery.start_soon(settlements.commit.submit, item)


ITEMS = range(10)


async def test_a_table_that_is_locked_for_a_while(
    outside: Outside, settlements: Settlements, database_url: str
) -> None:
    """Tries fail, and all is written once the lock is gone; a limit of the user's own changes nothing."""
    await outside("ALTER ROLE settler SET lock_timeout = '100ms'")
    administrator = await trio_asyncio.aio_as_trio(asyncpg.connect)(database_url)
    await trio_asyncio.aio_as_trio(administrator.execute)("BEGIN; LOCK TABLE written")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit, settlements, ITEMS)
        await settlements.failures(6)
        await trio_asyncio.aio_as_trio(administrator.execute)("COMMIT")
    assert await settlements.rows() == list(ITEMS)
    assert {type(error) for error in settlements.errors} == {DatabaseBusy}
    await trio_asyncio.aio_as_trio(administrator.close)()


async def test_a_user_that_may_not_log_in_for_a_while(outside: Outside, settlements: Settlements) -> None:
    """After BOOT a refusal is waited out."""
    await outside("ALTER ROLE settler NOLOGIN")
    await outside.end_sessions()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit, settlements, ITEMS)
        await settlements.failures(4)
        await outside("ALTER ROLE settler LOGIN")
    assert await settlements.rows() == list(ITEMS)
    assert DatabaseRefused in {type(error) for error in settlements.errors}


async def test_rights_that_are_taken_for_a_while(outside: Outside, settlements: Settlements) -> None:
    """The same of a right on a table."""
    await outside("REVOKE INSERT ON written FROM settler", outside.name)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit, settlements, ITEMS)
        await settlements.failures(4)
        await outside("GRANT INSERT ON written TO settler", outside.name)
    assert await settlements.rows() == list(ITEMS)
    assert {type(error) for error in settlements.errors} == {DatabaseRefused}


async def test_a_database_that_takes_no_connections_for_a_while(outside: Outside, settlements: Settlements) -> None:
    """An administrator keeps everybody out for maintenance."""
    await outside("ALTER DATABASE {db} ALLOW_CONNECTIONS false")
    await outside.end_sessions()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit, settlements, ITEMS)
        await settlements.failures(4)
        await outside("ALTER DATABASE {db} ALLOW_CONNECTIONS true")
    assert await settlements.rows() == list(ITEMS)
    assert any("not currently accepting connections" in str(error) for error in settlements.errors)


async def test_one_row_that_somebody_has_holds_up_no_other(
    outside: Outside, settlements: Settlements, database_url: str
) -> None:
    """The others of its group are written, and those that come later, while that one waits."""
    administrator = await trio_asyncio.aio_as_trio(asyncpg.connect)(database_url)
    await trio_asyncio.aio_as_trio(administrator.execute)("BEGIN; INSERT INTO written VALUES (5)")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit, settlements, ITEMS)
        await settlements.failures(3)
        with trio.fail_after(10):
            await submit(settlements, range(10, 20))
        await trio_asyncio.aio_as_trio(administrator.execute)("ROLLBACK")
    assert await settlements.rows() == list(range(20))
    await trio_asyncio.aio_as_trio(administrator.close)()
