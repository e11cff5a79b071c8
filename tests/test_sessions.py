"""The settings of sessions: how they get there, and what they are for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import pytest
import trio

from sandbox.postgres import EmbeddedPostgres
from svc.storage.database import Connection, Database, DatabaseBusy, DatabaseUnavailable, idle_transaction_limit
from svc.storage.inbox_sql import PLANNER
from tests.conftest import open_database
from tests.pooler import pooler_before

LIMITS = {
    "application_name": "svc",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "3000",
    "lock_timeout": "500",
    "statement_timeout": "3000",
}
LOCK_ROW = "SELECT FROM leadership WHERE bot_id = 1 FOR UPDATE"


async def settings_of(database: Database) -> dict[str, str]:
    names = [*LIMITS, *PLANNER]
    rows = await database.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])", names)
    return {row["name"]: row["setting"] for row in rows}


async def test_every_session_has_its_limits(postgres: EmbeddedPostgres, database_url: str) -> None:
    """Whatever the database's defaults are; what a Database is given besides counts too."""
    name = urlsplit(database_url).path[1:]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    postgres.execute(f"ALTER DATABASE {name} SET lock_timeout = '1h'")
    async with open_database(database_url, settings={**PLANNER, **idle_transaction_limit(7)}) as database:
        assert await settings_of(database) == LIMITS | PLANNER | {"idle_in_transaction_session_timeout": "7000"}


async def test_a_pooler_that_refuses_parameters_does_without(nursery: trio.Nursery, database_url: str) -> None:
    """The settings are set by a statement then; that they are refused is tried out once."""
    pooler, url = await pooler_before(nursery, database_url, "session")
    async with open_database(url, settings=PLANNER) as database:
        assert await settings_of(database) == LIMITS | PLANNER
        await database.close()
        assert await settings_of(database) == LIMITS | PLANNER
    assert ["lock_timeout" in parameters for parameters in pooler.parameters] == [True, False, False]


async def test_a_process_that_stops_in_a_transaction_gives_its_rows_back(database_url: str) -> None:
    """The server ends a session that is silent in a transaction; what it did is not done, and it can be repeated."""
    stopped = trio.Event()

    async def stop(connection: Connection) -> None:
        await connection.execute("INSERT INTO leadership VALUES (1, 1, gen_random_uuid(), 'stopped')")
        stopped.set()
        await asyncio.sleep(3600)

    async with (
        open_database(database_url, settings=idle_transaction_limit(0.2)) as database,
        trio.open_nursery() as nursery,
    ):

        async def be_stopped() -> None:
            with suppress(DatabaseUnavailable):
                await database.transaction(stop)

        nursery.start_soon(be_stopped)
        await stopped.wait()
        with trio.fail_after(10):
            await database.fetch("INSERT INTO leadership VALUES (1, 2, gen_random_uuid(), 'another')")
        assert [row["epoch"] for row in await database.fetch("SELECT epoch FROM leadership")] == [2]
        nursery.cancel_scope.cancel()


async def test_a_process_that_goes_on_hears_that_its_transaction_ended(database_url: str) -> None:
    """It is as with any other connection that is lost: the database was not there, and the next try goes well."""

    async def too_late(connection: Connection) -> None:
        await connection.execute("INSERT INTO leadership VALUES (1, 1, gen_random_uuid(), 'stopped')")
        while not connection.is_closed():
            await asyncio.sleep(0)
        await connection.execute("SELECT 1")

    async with open_database(database_url, settings=idle_transaction_limit(0.2)) as database:
        with pytest.raises(DatabaseUnavailable):
            await database.transaction(too_late)
        assert await database.fetch("SELECT FROM leadership") == []


async def test_a_row_that_somebody_has_is_busy(database: Database) -> None:
    """The server says so after half a second, and the session that asked is used again."""
    await database.fetch("INSERT INTO leadership VALUES (1, 1, gen_random_uuid(), 'one')")
    has_it, done = trio.Event(), trio.Event()

    async def have(connection: Connection) -> None:
        await connection.execute(LOCK_ROW)
        has_it.set()
        while not done.is_set():
            await connection.execute("SELECT 1")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, have)
        await has_it.wait()
        ((before,),) = await database.fetch("SELECT pg_backend_pid()")
        with pytest.raises(DatabaseBusy, match="lock timeout"):
            await database.fetch(LOCK_ROW)
        ((after,),) = await database.fetch("SELECT pg_backend_pid()")
        assert before == after
        done.set()


async def test_a_statement_that_takes_too_long_is_busy(database: Database) -> None:
    """Also where the server ends it, should this process have been stopped: other rows may be fine."""
    with pytest.raises(DatabaseBusy):
        await database.fetch("SELECT pg_sleep(60)")

    async def ended_by_the_server(connection: Connection) -> None:
        await connection.execute("SET LOCAL statement_timeout = '50ms'")
        await connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(DatabaseBusy, match="statement timeout"):
        await database.transaction(partial(ended_by_the_server))
