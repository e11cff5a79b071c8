"""What the demo asks the database about updates without an answer, and that a database that is down is no news."""

from __future__ import annotations

from demo.score.ledger import Known, ask_database
from sandbox.ports import free_port

NOBODYS = [1, 2]


async def test_what_nobody_knows(database_url: str) -> None:
    """Neither waiting nor finished: these would be lost."""
    assert await ask_database(database_url, 7, NOBODYS) == Known(set(), set())


async def test_a_server_that_takes_no_writes(database_url: str) -> None:
    """As a standby is, before it is promoted: what it says is no verdict."""
    assert await ask_database(f"{database_url}?default_transaction_read_only=on", 7, NOBODYS) is None


async def test_a_server_that_is_down() -> None:
    """As the primary is while it restarts."""
    assert await ask_database(f"postgresql://postgres@127.0.0.1:{free_port()}/postgres", 7, NOBODYS) is None
