"""The pool against a real server that stops, restarts, refuses, hangs, and against callers that are cancelled."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import asyncpg
import pytest
import trio
import trio.testing
import trio_asyncio

from sandbox.postgres import EmbeddedPostgres
from svc.storage import database as database_module
from svc.storage import hosts
from svc.storage.database import (
    POOL_SIZE,
    Connection,
    Database,
    DatabaseRefused,
    DatabaseUnavailable,
    asyncio_loop,
    retry_until_up,
)
from svc.storage.errors import mapped_errors
from svc.storage.hosts import Hosts
from tests.conftest import open_database

QUICKLY = 1.4  # less than any of the deadlines


@pytest.fixture
async def database_to_break(postgres_to_break: EmbeddedPostgres) -> AsyncIterator[Database]:
    async with open_database(postgres_to_break.url) as database:
        yield database


async def outside(call: Callable[[], Any]) -> Any:
    """Start or stop a server without holding up the loop, which has sockets to look after."""
    return await trio.to_thread.run_sync(call)


async def one(database: Database) -> int:
    ((value,),) = await database.fetch("SELECT 1")
    assert isinstance(value, int)
    return value


async def all_connections(database: Database) -> set[int]:
    """Have every connection of the pool at once; their servers' process ids."""
    barrier = asyncio.Barrier(POOL_SIZE)
    pids: set[int] = set()

    async def take(connection: Connection) -> None:
        await barrier.wait()
        assert not connection.is_in_transaction()
        pids.add(await connection.fetchval("SELECT pg_backend_pid()"))

    async with trio.open_nursery() as nursery:
        for _ in range(POOL_SIZE):
            nursery.start_soon(database.on_connection, take)
    return pids


async def all_connections_or_none(database: Database) -> set[int]:
    """The same, with one DatabaseUnavailable for all when there are not enough."""
    try:
        return await all_connections(database)
    except* DatabaseUnavailable as group:
        failed = DatabaseUnavailable(str(group.exceptions))
    raise failed


async def running_sleeps(database: Database) -> list[int]:
    rows = await database.fetch("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    return [row["pid"] for row in rows]


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    with trio.fail_after(10):
        while True:
            if found := await condition():
                return found
            await trio.lowlevel.checkpoint()


async def test_a_server_that_is_down(postgres_to_break: EmbeddedPostgres) -> None:
    """While the server is down every call says so quickly; once it is up the same Database works."""
    await outside(postgres_to_break.stop)
    async with open_database(postgres_to_break.url) as database:
        for _ in range(3):
            with trio.fail_after(QUICKLY), pytest.raises(DatabaseUnavailable):
                await one(database)
        await outside(postgres_to_break.start)
        with trio.fail_after(QUICKLY):
            assert await one(database) == 1


@pytest.mark.parametrize("how", [EmbeddedPostgres.stop, EmbeddedPostgres.kill])
async def test_a_restart_under_open_connections(
    postgres_to_break: EmbeddedPostgres, database_to_break: Database, how: Callable[[EmbeddedPostgres], None]
) -> None:
    """A restart, in order or by a crash, costs each open connection one failure at most."""
    before = await all_connections(database_to_break)
    await outside(partial(how, postgres_to_break))
    with trio.fail_after(QUICKLY), pytest.raises(DatabaseUnavailable):
        await one(database_to_break)
    await outside(postgres_to_break.start)
    failures = 0
    while True:
        try:
            after = await all_connections(database_to_break)
            break
        except* DatabaseUnavailable as group:
            failures += len(group.exceptions)
    assert failures <= POOL_SIZE
    assert len(after) == POOL_SIZE
    assert not after & before


@asynccontextmanager
async def hanging_statement(database: Database) -> AsyncIterator[trio.Event]:
    """A statement that the server is at work on and that must fail in the end; the event is set when it has failed."""
    failed = trio.Event()

    async def hang() -> None:
        with pytest.raises(DatabaseUnavailable):
            await database.fetch("SELECT pg_sleep(60)")
        failed.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hang)
        await until(partial(running_sleeps, database))
        yield failed


async def test_a_statement_that_a_shutdown_ends(
    postgres_to_break: EmbeddedPostgres, database_to_break: Database
) -> None:
    """A statement that the server's shutdown ends may or may not be done, and says so at once."""
    async with hanging_statement(database_to_break) as failed:
        await outside(postgres_to_break.stop)
        with trio.fail_after(QUICKLY):
            await failed.wait()


async def test_a_lost_backend(database: Database) -> None:
    """A connection that the server ends in the middle of a statement is replaced."""
    with pytest.raises(DatabaseUnavailable):
        await database.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await one(database) == 1


async def test_a_database_that_does_not_exist(postgres: EmbeddedPostgres) -> None:
    """A database that does not exist is a refusal: waiting would not help."""
    async with open_database(postgres.url_of("nothing_here")) as database:
        with pytest.raises(DatabaseRefused, match="nothing_here"):
            await one(database)


@pytest.mark.parametrize("password", ["", ":wrong", ":se%20cret"])
async def test_a_wrong_password(postgres_to_break: EmbeddedPostgres, password: str) -> None:
    """A password that is wrong or missing is a refusal, and the message does not hold it."""
    hba = postgres_to_break.data / "pg_hba.conf"
    rule = "host all careful 127.0.0.1/32 scram-sha-256\n"
    hba.write_text(rule + hba.read_text())
    postgres_to_break.execute("CREATE ROLE careful LOGIN PASSWORD 'se cret'")
    postgres_to_break.execute("SELECT pg_reload_conf()")
    await until(
        lambda: outside(
            lambda: postgres_to_break.execute("SELECT 1 FROM pg_hba_file_rules WHERE 'careful' = ANY (user_name)")
        )
    )
    async with open_database(postgres_to_break.url.replace("postgres@", f"careful{password}@")) as database:
        if password == ":se%20cret":
            assert await one(database) == 1
            return
        with pytest.raises(DatabaseRefused) as raised:
            await one(database)
        assert "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "u:hunter2@127.0.0.1:1/db",
        "u:hunter2@127.0.0.1:port/db",
        "u@127.0.0.1:hunter2/db",
        "u:hunter2@127.0.0.1:1/db?sslmode=sometimes",
        "127.0.0.1:1/db?user=u&password=hunter2",
        "u:hunter2@127.0.0.1:1,127.0.0.1:2/db",
    ],
)
async def test_no_error_quotes_the_password(address: str) -> None:
    """Whatever is wrong with an address or behind it, the error's text does not hold the password."""
    async with open_database(f"postgresql://{address}") as database:
        with pytest.raises((DatabaseUnavailable, DatabaseRefused)) as raised:
            await one(database)
        assert "hunter2" not in str(raised.value)


async def test_a_slow_statement(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that takes too long fails at its deadline, is stopped on the server, and costs no connection."""
    monkeypatch.setattr(database_module, "STATEMENT_DEADLINE", 0.1)
    with trio.fail_after(QUICKLY):
        async with trio.open_nursery() as nursery:
            for _ in range(POOL_SIZE):
                nursery.start_soon(_too_slow, database)
    assert len(await all_connections(database)) == POOL_SIZE
    assert await running_sleeps(database) == []


async def _too_slow(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        await database.fetch("SELECT pg_sleep(60)")


async def test_a_server_that_does_not_answer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that answers nothing, not even a cancellation, holds a call up for its deadlines and no longer."""
    monkeypatch.setattr(database_module, "STATEMENT_DEADLINE", 0.1)
    monkeypatch.setattr(database_module, "CONNECT_DEADLINE", 0.2)
    monkeypatch.setattr(hosts, "CONNECT_DEADLINE", 0.2)
    ((pid,),) = await database.fetch("SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    try:
        with trio.fail_after(QUICKLY), pytest.raises(DatabaseUnavailable):
            await one(database)
        with trio.fail_after(QUICKLY):
            assert pid not in await all_connections(database)
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_no_free_connection(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that gets no connection within the deadline is told so."""
    monkeypatch.setattr(database_module, "CONNECT_DEADLINE", 0.1)
    async with trio.open_nursery() as nursery:
        for _ in range(POOL_SIZE):
            nursery.start_soon(database.fetch, "SELECT pg_sleep(60)")
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(QUICKLY), pytest.raises(DatabaseUnavailable):
            await one(database)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("within", ["fetch", "transaction"])
async def test_cancelled_callers_leak_nothing(database: Database, within: str) -> None:
    """However many callers are cancelled at whatever moment, every connection comes back, and outside a transaction."""
    rng = random.Random(1)

    async def work(connection: Connection) -> None:
        await connection.execute("INSERT INTO state_transitions SELECT FROM pg_sleep(60)")

    for number in range(50):
        # From the connecting over the BEGIN to the middle of the statement. On a slow machine the clearing up may take
        # too long, which is said in place of the cancellation.
        with (
            trio.move_on_after(rng.uniform(0, 0.01 if number % 2 else 0.002)) as scope,
            suppress(DatabaseUnavailable),
        ):
            if within == "fetch":
                await database.fetch("SELECT pg_sleep(60)")
            else:
                await database.transaction(work)
        assert scope.cancel_called
    # What was cancelled is still being cleared up, so the first tries may be too early.
    with trio.fail_after(20):
        assert len(await retry_until_up(partial(all_connections_or_none, database), first=0.01)) == POOL_SIZE
    await until(lambda: _none(running_sleeps(database)))
    rows = await database.fetch(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )
    assert rows == []


async def _none(found: Awaitable[list[int]]) -> bool:
    return not await found


async def test_a_transaction_is_whole(database: Database) -> None:
    """What raises or is cancelled within a transaction leaves nothing of it behind."""

    async def insert_and_fail(connection: Connection) -> None:
        await connection.execute("INSERT INTO leadership VALUES (1, 1, gen_random_uuid(), 'one')")
        raise KeyError

    async def insert_and_sleep(connection: Connection) -> None:
        await connection.execute("INSERT INTO leadership VALUES (1, 1, gen_random_uuid(), 'one')")
        await connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(KeyError):
        await database.transaction(insert_and_fail)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.transaction, insert_and_sleep)
        await until(partial(running_sleeps, database))
        nursery.cancel_scope.cancel()
    assert await database.fetch("SELECT FROM leadership") == []


async def test_a_closed_database_opens_again(database: Database) -> None:
    """Close ends the connections; whoever asks afterwards gets new ones."""
    before = await all_connections(database)
    with trio.fail_after(2):
        await database.close()
    assert await one(database) == 1
    assert not before & await all_connections(database)


async def test_close_does_not_wait_for_a_hanging_statement(database: Database) -> None:
    """Close takes about a second at most, whatever is being done; what was is cut off."""
    async with hanging_statement(database) as failed:
        with trio.fail_after(2):
            await database.close()
            await failed.wait()


async def test_retry_until_up(autojump_clock: trio.testing.MockClock) -> None:
    """Work is tried again, after pauses that double up to a limit and are jittered, until the database is there."""
    tries: list[float] = []

    async def work() -> str:
        tries.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if len(tries) < 8:
            raise DatabaseUnavailable("away")
        return "there"

    assert await retry_until_up(work, first=0.1, longest=2.0) == "there"
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    for pause, full in zip(pauses, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0], strict=True):
        assert full * 0.74 < pause < full * 1.01


async def test_a_host_with_a_wrong_certificate_is_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a failover the next host is tried, and without one the reason is said and the service waits."""
    tried: list[str] = []

    async def connect(url: str, **_: Any) -> Any:
        tried.append(url)
        if "bad" in url:
            raise ssl.SSLCertVerificationError("certificate verify failed")
        return "connection"

    monkeypatch.setattr(asyncpg, "connect", connect)
    monkeypatch.setattr(hosts, "know_array_types", lambda _: None)
    async with asyncio_loop():
        both = trio_asyncio.aio_as_trio(Hosts("postgresql://u:p@bad,good/db").connect)
        assert await both() == "connection"
        assert len(tried) == 2
        with pytest.raises(DatabaseUnavailable, match="certificate verify failed"), mapped_errors():
            await trio_asyncio.aio_as_trio(Hosts("postgresql://u:p@bad/db").connect)()
