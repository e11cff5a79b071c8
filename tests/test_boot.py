"""What BOOT asks of its databases: one line for what somebody has to mend, and patience for all else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import structlog.testing
import trio

from sandbox.postgres import EmbeddedPostgres
from svc.leadership.postgres_lock import PoolerInTheWay
from svc.observability.metrics import Metrics
from svc.operations.preflight import TABLES, NotFit, check_database
from svc.operations.run import real_parts
from svc.settings.environment import Settings
from svc.storage.asyncio_loop import asyncio_loop
from svc.storage.database import Database, DatabaseRefused
from svc.storage.fitness import Unfit
from tests.harness import settings_for_tests
from tests.peers import refusing_port
from tests.pooler import pooler_before


@pytest.fixture
async def loop() -> AsyncIterator[None]:
    async with asyncio_loop():
        with trio.fail_after(30):
            yield


def settings(database: str, lock: str | None = None) -> Settings:
    return replace(settings_for_tests(), database_url=database, leader_database_url=lock or database)


async def boot(settings: Settings) -> list[str]:
    """Prepare as `svc run` does; the events that were logged."""
    with structlog.testing.capture_logs() as logs:
        await real_parts(settings, Metrics(), Database(settings.database_url)).prepare()
    return [line["event"] for line in logs]


async def test_an_empty_database_is_prepared(loop: None, empty_database_url: str) -> None:
    """The schema is made; a second instance finds nothing to do."""
    assert set(await boot(settings(empty_database_url))) == {"MIGRATED"}
    assert await boot(settings(empty_database_url)) == []


async def test_commits_that_are_not_waited_for_end_it(
    loop: None, postgres: EmbeddedPostgres, database_url: str
) -> None:
    """The same in `svc check`, which also names what is dangerous and no fault."""
    assert (await check_database(settings(database_url))).endswith(
        "; fsync is off: a crash of its machine may lose everything"
    )
    postgres.execute(f"ALTER DATABASE {urlsplit(database_url).path[1:]} SET synchronous_commit = off")
    with pytest.raises(Unfit, match="synchronous_commit is off"):
        await boot(settings(database_url))
    with pytest.raises(Unfit, match="synchronous_commit is off"):
        await check_database(settings(database_url))


async def test_rights_on_every_table_are_wanted(loop: None, postgres: EmbeddedPostgres, database_url: str) -> None:
    """`svc check` knows all tables of the schema, and says so where those of one are missing."""
    name = urlsplit(database_url).path[1:]
    tables = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", name).split()
    assert sorted(TABLES) == sorted(set(tables) - {"schema_migrations"})
    postgres.execute("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN")
    postgres.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk", name)
    of_clerk = settings(database_url.replace("postgres@", "clerk@"))
    assert "rights are sufficient" in await check_database(of_clerk)
    postgres.execute("REVOKE INSERT ON jobs FROM clerk", name)
    with pytest.raises(NotFit, match="may not read and write all tables"):
        await check_database(of_clerk)
    postgres.execute("DROP TABLE jobs", name)
    assert "rights are sufficient" in await check_database(of_clerk), "before a migration that makes it"
    postgres.execute("DROP OWNED BY clerk", name)
    postgres.execute("DROP ROLE clerk")


async def test_a_pooler_in_transaction_mode_ends_it(loop: None, nursery: trio.Nursery, database_url: str) -> None:
    """Before anything is migrated through it."""
    _, url = await pooler_before(nursery, database_url, "transaction")
    with pytest.raises(Unfit, match="transaction mode"):
        await boot(settings(url, lock=database_url))


async def test_a_pooler_in_session_mode_will_do(loop: None, nursery: trio.Nursery, empty_database_url: str) -> None:
    """As long as the lock's address leads to Postgres itself."""
    _, url = await pooler_before(nursery, empty_database_url, "session")
    assert set(await boot(settings(url, lock=empty_database_url))) == {"MIGRATED"}
    with pytest.raises(PoolerInTheWay, match="point LEADER_DATABASE_URL at Postgres itself"):
        await boot(settings(empty_database_url, lock=url))


async def test_a_lock_address_that_refuses_ends_it(loop: None, database_url: str) -> None:
    """At the start, and not when the instance first stands for election."""
    with pytest.raises(DatabaseRefused, match="nothing_here"):
        await boot(settings(database_url, lock=database_url + "_nothing_here"))


async def test_a_lock_address_that_is_away_is_waited_for_later(loop: None, database_url: str) -> None:
    """Until it is there, this instance stores what Telegram delivers."""
    with refusing_port() as port:
        assert await boot(settings(database_url, lock=f"postgresql://x@127.0.0.1:{port}/x")) == ["DB_LOST"]
