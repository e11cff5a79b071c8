"""A real database that can be lost and found again without stopping a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from svc.storage.database import Connection, Database
from svc.storage.errors import DatabaseUnavailable

T = TypeVar("T")


class FlakyDatabase(Database):
    """`database`, of which every statement is lost as long as `away` says so."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.url)
        self._database = database
        self.away = False

    async def on_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        if self.away:
            raise DatabaseUnavailable("away")
        return await self._database.on_connection(work)
