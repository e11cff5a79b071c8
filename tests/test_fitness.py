"""What is said of servers and poolers on which the promises could not be kept."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import trio

from sandbox.postgres import EmbeddedPostgres
from svc.storage.asyncio_loop import asyncio_loop
from svc.storage.fitness import Unfit, examine
from tests.pooler import pooler_before

FSYNC = "fsync is off: a crash of its machine may lose everything"  # the tests' server is so


@pytest.fixture
def off(postgres: EmbeddedPostgres, database_url: str) -> str:
    """The address of a database whose sessions do not wait for their commits to be on disk."""
    name = urlsplit(database_url).path[1:]
    postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    return database_url


async def found(url: str) -> list[str]:
    """What `examine` finds, or the Unfit that it raises."""
    async with asyncio_loop():
        with trio.fail_after(10):
            try:
                return await examine(url)
            except Unfit as error:
                return [f"unfit: {error}"]


async def test_postgres_itself_is_fit(database_url: str) -> None:
    """The tests' own server is, and does without fsync, which is said."""
    assert await found(database_url) == [FSYNC]


async def test_commits_that_are_not_waited_for_are_refused(off: str) -> None:
    """With synchronous_commit=off an acknowledged update is lost in a crash; the line says what to do."""
    (line,) = await found(off)
    assert line.startswith("unfit: synchronous_commit is off: ")
    assert "add synchronous_commit=on to the parameters of DATABASE_URL" in line


async def test_the_address_may_turn_it_on(off: str) -> None:
    """What the sessions have counts, not what the database's default is."""
    assert await found(f"{off}?synchronous_commit=on") == [FSYNC]


@pytest.mark.parametrize("size", [1, 2, 20])
@pytest.mark.parametrize("turns", [False, True])
async def test_a_pooler_in_transaction_mode_is_refused(
    nursery: trio.Nursery, database_url: str, size: int, turns: bool
) -> None:
    """Sessions there have no settings of their own: those of the inbox would be others' too."""
    _, url = await pooler_before(nursery, database_url, "transaction", size=size, turns=turns)
    (line,) = await found(url)
    assert line.startswith("unfit: 127.0.0.1 is a connection pooler in transaction mode")


async def test_a_pooler_in_session_mode_is_fit(nursery: trio.Nursery, database_url: str) -> None:
    """There a session has its server process for itself."""
    _, url = await pooler_before(nursery, database_url, "session")
    assert await found(url) == [FSYNC]
