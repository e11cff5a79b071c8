"""The ops page's own way to the database."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from svc.storage.database import Database, open_database

CONNECTIONS = 2
"""To the database, at most: the page never takes one from the engine."""

STATEMENT_DEADLINE = 3.0
"""Seconds. Longer than the engine's: nobody's answer waits for it."""


def open_ops_database(url: str) -> AbstractAsyncContextManager[Database]:
    """A database of few connections and long statements, inside asyncio_loop."""
    return open_database(url, size=CONNECTIONS, statement_deadline=STATEMENT_DEADLINE)
