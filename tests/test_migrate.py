"""Migrations: each file once, in order, or one line that says why not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog.testing
import trio

from sandbox.postgres import EmbeddedPostgres
from svc.storage import migrate as migrate_module
from svc.storage.database import LOCK_TIMEOUT, Connection, Database, DatabaseRefused, DatabaseUnavailable
from svc.storage.migrate import ADVISORY_LOCK, TABLE_LOCK_TIMEOUT, migrate, pending_migrations
from svc.storage.migration_files import (
    Applied,
    Migration,
    MigrationError,
    missing,
    shipped_migrations,
    statements_of,
)
from tests.conftest import open_database

ONE = Migration(1, "0001_one.sql", "CREATE TABLE one (id int); CREATE TABLE one_b (id int);")
TWO = Migration(2, "0002_two.sql", "CREATE TABLE two (id int);")
ALTER = Migration(2, "0002_two.sql", "ALTER TABLE one ADD COLUMN more int;")


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch) -> Any:
    def ship(*migrations: Migration) -> None:
        monkeypatch.setattr(migrate_module, "shipped_migrations", lambda: list(migrations))

    return ship


async def tables(database: Database) -> set[str]:
    rows = await database.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return {row["relname"] for row in rows}


async def applied(database: Database) -> list[tuple[int, str]]:
    rows = await database.fetch("SELECT version, name FROM schema_migrations ORDER BY version")
    return [(row["version"], row["name"]) for row in rows]


async def until(database: Database, sql: str) -> None:
    """Return once `sql` finds a row."""
    with trio.fail_after(10):
        while not await database.fetch(sql):
            pass


def names(migrations: Sequence[Migration]) -> list[str]:
    return [migration.name for migration in migrations]


def test_shipped_files_are_numbered() -> None:
    """The files are numbered 1, 2, 3, ... without a gap, and none is empty."""
    shipped = shipped_migrations()
    assert [migration.version for migration in shipped] == list(range(1, len(shipped) + 1))
    assert len(shipped) >= 2
    assert all(migration.sql.strip() for migration in shipped)


def test_missing() -> None:
    """What is missing is what comes after the last applied file."""
    one = Applied(1, ONE.name, ONE.sha256)
    assert missing([ONE, TWO], []) == [ONE, TWO]
    assert missing([ONE, TWO], [one]) == [TWO]
    assert missing([ONE], [one]) == []


async def test_everything_is_applied(empty_database_url: str) -> None:
    """An empty database gets every shipped file, in order, and the service's tables are there."""
    async with open_database(empty_database_url) as database:
        assert names(await pending_migrations(database)) == names(shipped_migrations())
        assert names(await migrate(database)) == names(shipped_migrations())
        assert await applied(database) == [(m.version, m.name) for m in shipped_migrations()]
        expected = {
            "inbox",
            "processed_updates",
            "dead_updates",
            "leadership",
            "state_transitions",
            "deciding",
            "instances",
            "chats",
            "jobs",
            "pauses",
            "operator_actions",
            "figures",
            "kept_payloads",
        }
        assert await tables(database) == expected | {"schema_migrations"}


async def test_nothing_to_do(database: Database) -> None:
    """A database that is up to date is left as it is."""
    assert await migrate(database) == []
    assert await pending_migrations(database) == []


async def test_only_what_is_new(empty_database_url: str, ship: Any) -> None:
    """A new file is applied to a database that has the older ones."""
    async with open_database(empty_database_url) as database:
        ship(ONE)
        assert await migrate(database) == [ONE]
        ship(ONE, TWO)
        assert await migrate(database) == [TWO]
        assert {"one", "one_b", "two"} < await tables(database)


async def test_several_instances_at_once(empty_database_url: str) -> None:
    """Of instances that start together, each file is applied by exactly one, and all of them go on afterwards."""
    results: list[Migration] = []
    async with open_database(empty_database_url) as database:

        async def start() -> None:
            results.extend(await migrate(database))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(start)
        assert sorted(names(results)) == names(shipped_migrations())


async def test_a_changed_file_is_refused(empty_database_url: str, ship: Any) -> None:
    """A file that is not what was applied under its number is refused by name, and nothing is done."""
    async with open_database(empty_database_url) as database:
        ship(ONE)
        await migrate(database)
        ship(Migration(1, ONE.name, ONE.sql + " "), TWO)
        with pytest.raises(MigrationError, match=r"^0001_one\.sql was changed after it was applied"):
            await migrate(database)
        assert "two" not in await tables(database)


async def test_a_newer_database_is_refused(empty_database_url: str, ship: Any) -> None:
    """An older program refuses a database that has a file it does not know."""
    async with open_database(empty_database_url) as database:
        ship(ONE, TWO)
        await migrate(database)
        ship(ONE)
        with pytest.raises(MigrationError, match=r"newer than this program: it has 0002_two\.sql"):
            await migrate(database)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABEL x ();",
        "INSERT INTO nowhere VALUES (1);",
        "SELECT 1 / 0;",
        "CREATE TABLE one (id int);",
        "DO $$ BEGIN RAISE 'no'; END $$;",
        "VACUUM;",
        "CREATE EXTENSION nothing_of_the_kind;",
        "DROP TABLE schema_migrations;",
    ],
)
async def test_a_file_that_fails(empty_database_url: str, ship: Any, sql: str) -> None:
    """A file that fails is named in one line, leaves nothing of itself behind, and can be mended."""
    async with open_database(empty_database_url) as database:
        ship(ONE, Migration(2, "0002_two.sql", "CREATE TABLE half (id int);" + sql))
        with pytest.raises(MigrationError, match=r"^0002_two\.sql failed: ") as raised:
            await migrate(database)
        assert "\n" not in str(raised.value)
        assert await applied(database) == [(1, ONE.name)]
        assert "half" not in await tables(database)
        ship(ONE, TWO)
        assert await migrate(database) == [TWO]


@pytest.fixture
def nobody(postgres: EmbeddedPostgres) -> str:
    """A role that may connect, and nothing else."""
    postgres.execute("DROP ROLE IF EXISTS nobody; CREATE ROLE nobody LOGIN")
    return "nobody"


async def test_the_right_to_create_is_missing(empty_database_url: str, nobody: str) -> None:
    """Without the right to create tables, one line says so."""
    async with open_database(empty_database_url.replace("postgres@", f"{nobody}@")) as database:
        with pytest.raises(MigrationError, match=r"^the database user may not change the schema: .*") as raised:
            await migrate(database)
        assert "\n" not in str(raised.value)


async def test_the_right_to_read_is_missing(database_url: str, nobody: str) -> None:
    """Without the right to read the tables, the database refuses us: waiting would not help."""
    async with open_database(database_url.replace("postgres@", f"{nobody}@")) as database:
        with pytest.raises(DatabaseRefused, match="schema_migrations"):
            await migrate(database)


@asynccontextmanager
async def held_by_another(database: Database, lock: str) -> AsyncIterator[None]:
    """What the statement `lock` takes is held by another transaction for as long as the block lasts."""
    locked, over = trio.Event(), trio.Event()

    async def hold(connection: Connection) -> None:
        await connection.execute(lock)
        locked.set()
        while not over.is_set():
            await connection.execute("SELECT 1")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, hold)
        await locked.wait()
        yield
        over.set()


async def test_the_lock_is_held(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance that waits too long for another one's migration gives up with one line."""
    monkeypatch.setattr(migrate_module, "MIGRATION_PATIENCE", 0.0)
    lock = f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"
    async with open_database(empty_database_url) as database, held_by_another(database, lock):
        with pytest.raises(MigrationError, match="another instance holds the migration lock"):
            await migrate(database)


@pytest.fixture
async def in_use(empty_database_url: str, ship: Any) -> AsyncIterator[Database]:
    """A database with the table `one`, and a file that is still to be applied to it."""
    async with open_database(empty_database_url) as database:
        ship(ONE)
        await migrate(database)
        ship(ONE, ALTER)
        yield database


async def test_a_table_is_locked(in_use: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that waits too long for a table that somebody uses is named, and whose transaction is the oldest."""
    monkeypatch.setattr(migrate_module, "TABLE_PATIENCE", 0.0)
    async with held_by_another(in_use, "LOCK TABLE one"):
        with pytest.raises(MigrationError) as raised:
            await migrate(in_use)
    line = str(raised.value)
    assert line.startswith("0002_two.sql failed: a table that it changes was in use")
    assert "lock timeout" in line
    assert "pg_stat_activity" in line
    assert "the oldest is of process" in line
    assert "\n" not in line


async def test_a_long_reader_holds_up_the_migration_and_no_writer(in_use: Database) -> None:
    """A writer that stands behind a migration, which stands behind a reader, goes on as soon as that gives up."""

    async def write(connection: Connection) -> None:
        await connection.execute("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10s'")
        await connection.execute("INSERT INTO one VALUES (1)", timeout=10)

    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery, held_by_another(in_use, "SELECT FROM one"):
            nursery.start_soon(migrate, in_use)
            await until(in_use, "SELECT FROM pg_locks WHERE relation = 'one'::regclass AND NOT granted")
            await in_use.transaction(write)
        # The reader has ended, and the nursery with the migration: it went through.
    assert await applied(in_use) == [(1, ONE.name), (2, ALTER.name)]
    assert {(line["event"], line["name"]) for line in logs} == {("MIGRATION_WAIT", ALTER.name)}


def test_running_instances_wait_longer_for_a_lock_than_migrations() -> None:
    """So none of their statements fails because a migration stands before it."""
    assert TABLE_LOCK_TIMEOUT < LOCK_TIMEOUT


CONCURRENTLY = Migration(
    2,
    "0002_two.sql",
    """-- without a transaction
-- The index of the one; of both.
DROP INDEX CONCURRENTLY IF EXISTS one_id;
CREATE INDEX CONCURRENTLY one_id ON one (id);
""",
)
IS_VALID = "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass('one_id')"


async def test_a_file_without_a_transaction(in_use: Database, ship: Any) -> None:
    """Its statements are run one by one, outside of a transaction, and recorded in the end."""
    ship(ONE, CONCURRENTLY)
    assert await migrate(in_use) == [CONCURRENTLY]
    assert [row["valid"] for row in await in_use.fetch(IS_VALID)] == [True]
    assert await migrate(in_use) == []


async def test_an_index_that_was_interrupted_is_made_good(in_use: Database, ship: Any) -> None:
    """An instance that is stopped while it builds an index leaves one that is not valid; the next one replaces it."""
    ship(ONE, CONCURRENTLY)
    async with held_by_another(in_use, "LOCK TABLE one IN ROW EXCLUSIVE MODE"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(migrate, in_use)
            await until(in_use, f"{IS_VALID} AND NOT indisvalid")
            nursery.cancel_scope.cancel()
        assert [row["valid"] for row in await in_use.fetch(IS_VALID)] == [False]
        assert await applied(in_use) == [(1, ONE.name)]
    with trio.fail_after(10):
        assert await migrate(in_use) == [CONCURRENTLY]
    assert [row["valid"] for row in await in_use.fetch(IS_VALID)] == [True]


async def test_instances_that_wait_do_not_hold_up_an_index(in_use: Database, ship: Any) -> None:
    """An index that is built concurrently waits for every transaction; who waits for the migration has none open."""
    ship(ONE, CONCURRENTLY)
    results: list[Migration] = []

    async def start() -> None:
        results.extend(await migrate(in_use))

    async with trio.open_nursery() as nursery, held_by_another(in_use, "LOCK TABLE one IN ROW EXCLUSIVE MODE"):
        nursery.start_soon(start)
        await until(in_use, f"{IS_VALID} AND NOT indisvalid")
        with structlog.testing.capture_logs() as logs:
            nursery.start_soon(start)
            while not logs:
                await trio.lowlevel.checkpoint()
    assert results == [CONCURRENTLY]
    assert {(line["event"], line["lock"]) for line in logs} == {("MIGRATION_WAIT", "migrations")}


def test_statements() -> None:
    """A file is cut at its semicolons, and not at those in text, names, comments and bodies of functions."""
    sql = """-- one; two
    SELECT 'it''s; here', "a;b"; /* c; d */
    DO $x$ BEGIN PERFORM 1; END $x$;
    ;
    SELECT $1;SELECT $$;$$ -- the end;
    """
    assert statements_of(sql) == [
        "-- one; two\n    SELECT 'it''s; here', \"a;b\"",
        "/* c; d */\n    DO $x$ BEGIN PERFORM 1; END $x$",
        "SELECT $1",
        "SELECT $$;$$ -- the end;",
    ]


async def test_a_cancelled_migration_frees_the_lock(empty_database_url: str, ship: Any) -> None:
    """An instance that is stopped in the middle of a file leaves neither the lock nor half a file behind."""
    async with open_database(empty_database_url) as database:
        ship(Migration(1, "0001_one.sql", "CREATE TABLE half (id int); SELECT pg_sleep(60);"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(migrate, database)
            sleeping = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
            await until(database, sleeping)
            nursery.cancel_scope.cancel()
        ship(ONE)
        with trio.fail_after(10):
            assert await migrate(database) == [ONE]
        assert "half" not in await tables(database)


async def test_the_server_goes_away(empty_database_url: str, ship: Any) -> None:
    """A connection that is lost in the middle of a file is the database's absence, not the file's fault."""
    async with open_database(empty_database_url) as database:
        ship(Migration(1, "0001_one.sql", "SELECT pg_terminate_backend(pg_backend_pid());"))
        with pytest.raises(DatabaseUnavailable):
            await migrate(database)


async def test_a_server_that_is_too_old(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version and the oldest that will do are named, before anything is applied."""
    monkeypatch.setattr(migrate_module, "OLDEST_POSTGRES", 99)
    async with open_database(empty_database_url) as database:
        with pytest.raises(MigrationError, match=r"Postgres \d+ is too old: 99 or newer is needed"):
            await migrate_module.migrate(database)
        (row,) = await database.fetch("SELECT to_regclass('inbox') AS inbox")
        assert row["inbox"] is None
