"""A real Postgres for the tests that need one, and the tiers that tests are run in.

A test with a real Postgres never uses the mock clock, which jumps while a socket waits.
"""

from __future__ import annotations

import itertools
import logging
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio

from sandbox.postgres import EmbeddedPostgres, temporary_postgres
from svc.storage import database as database_module
from svc.storage.database import Database, asyncio_loop
from svc.storage.inbox_sql import PLANNER
from svc.storage.migrate import migrate
from tests import examples as examples  # registers hypothesis' profile `long`
from tests.browser import browser as browser
from tests.browser import open_page as open_page

TEMPLATE = "migrated"
# A test that waits for ever fails after so many seconds, instead of holding up all that follow. They are far more than
# any takes: a machine that others load has a fraction of its speed.
TEST_DEADLINE = 150.0

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """Let signals reach what tests start: a shell that runs pytest in the background has its children ignore SIGINT and
    SIGQUIT, and nohup SIGHUP. What has a handler here, if only one that does nothing, is not ignored by children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in (signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a Postgres or a browser by its fixtures. Modules that start processes mark themselves."""
    for item in items:
        if isinstance(item, pytest.Function) and {"postgres", "postgres_to_break"} & set(item.fixturenames):
            item.add_marker(pytest.mark.postgres)
        if isinstance(item, pytest.Function) and "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)


class _Faults(logging.Handler):
    """Collects what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def faults_of_stand_ins() -> Iterator[list[logging.LogRecord]]:
    """What a stand-in could not answer for a fault of its own. A test in which that happens fails: the service would
    get over the 500 that it is answered with, and hide it.
    """
    handler, logger = _Faults(), logging.getLogger("sandbox.http_server")
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)
    assert [record.getMessage() for record in handler.records] == []


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One server for all tests; a test that stops its server takes `postgres_to_break`."""
    with temporary_postgres({"fsync": "off", "autovacuum": "off"}) as server:
        yield server


@pytest.fixture
def postgres_to_break() -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, to stop, kill and start."""
    with temporary_postgres({"fsync": "off"}) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database to copy; nobody connects to it."""

    async def prepare() -> None:
        async with open_database(postgres.url_of(TEMPLATE)) as database:
            await migrate(database)

    postgres.execute(f"CREATE DATABASE {TEMPLATE}")
    trio.run(prepare)
    return TEMPLATE


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    with _fresh_database(postgres, template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of a fresh database with nothing in it."""
    with _fresh_database(postgres, "template1") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database as `svc run` opens it for the inbox, inside asyncpg's loop."""
    async with open_database(database_url, settings=PLANNER) as database:
        yield database


@contextmanager
def _fresh_database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.url_of(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def open_database(url: str, *, settings: Mapping[str, str] | None = None) -> AsyncIterator[Database]:
    """A Database inside asyncpg's loop, closed at the end of the block. Loops do not nest: one a test."""
    async with asyncio_loop(), database_module.open_database(url, settings=settings) as database:
        with trio.fail_after(TEST_DEADLINE):
            await trio.lowlevel.checkpoint()
            yield database
