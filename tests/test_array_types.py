"""The array types of our statements, on a real Postgres: asyncpg need not ask the server about them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trio_asyncio

from svc.storage.asyncio_loop import asyncio_loop
from svc.storage.hosts import Hosts

SVC = Path(__file__).parent.parent / "svc"
USED = {name for path in SVC.rglob("*.py") for name in re.findall(r"::(\w+)\[\]", path.read_text("utf-8"))}
VALUES: dict[str, list[Any]] = {
    "bigint": [1, -(2**63), None],
    "boolean": [True, None],
    "bytea": [b"\x00", b""],
    "float8": [0.5, None],
    "int": [7, -1],
    "text": ["a", None],
    "timestamptz": [datetime(2026, 1, 2, tzinfo=UTC), None],
}


async def test_no_statement_has_the_server_asked_about_its_types(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each array type that a cast in our SQL names goes there and comes back."""

    async def ask(_connection: object, types: set[int], _timeout: float | None) -> None:
        raise AssertionError(f"asked about {types}")

    async def there_and_back() -> dict[str, Any]:
        connection = await Hosts(database_url).connect()
        try:
            return {name: await connection.fetchval(f"SELECT $1::{name}[]", VALUES[name]) for name in USED}
        finally:
            await connection.close(timeout=5)  # noqa: ASYNC102 (asyncio's side, bounded)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", ask)
    async with asyncio_loop():
        assert await trio_asyncio.aio_as_trio(there_and_back)() == VALUES
