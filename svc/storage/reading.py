"""Reading the inbox back: `reading_sql`, with its rows as updates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import asyncpg
import trio

from svc.storage import reading_sql
from svc.storage.chats_sql import chat_state
from svc.storage.database import Database
from svc.storage.inbox import NO_CHAT, Received, Window


class InboxReader:
    """The reading half of `Inbox`, for one bot. `window` is how many rows a window has."""

    def __init__(self, database: Database, bot_id: int, window: int) -> None:
        self._database = database
        self._bot_id = bot_id
        self._window = window

    async def backfill(self, limit: int, *, after: int | None = None, without: Collection[int] = ()) -> Window:
        rows = await self._database.fetch(reading_sql.BACKFILL, self._bot_id, limit, list(without), self._window, after)
        updates = _received(row for row in rows if row["update_id"] is not None)
        if rows[0]["ready"] > len(updates):
            return Window(updates, updates[-1].update_id if updates else after)
        return Window(updates, rows[0]["last"] if rows[0]["looked"] == self._window else None)

    async def newest(self, limit: int, *, without: Collection[int] = ()) -> list[Received]:
        rows = await self._database.fetch(reading_sql.NEWEST, self._bot_id, limit, list(without), self._window)
        return _received(row for row in rows if row["update_id"] is not None)

    async def fetch(self, update_ids: Sequence[int]) -> list[Received]:
        return _received(await self._database.fetch(reading_sql.FETCH, self._bot_id, list(set(update_ids))))

    async def followers(self, chat_ids: Sequence[int], limit: int) -> list[Received]:
        chats = sorted({chat_id for chat_id in chat_ids if chat_id != NO_CHAT})
        return _received(await self._database.fetch(reading_sql.FOLLOWERS, self._bot_id, chats, limit))


def _received(rows: Iterable[asyncpg.Record]) -> list[Received]:
    now = trio.current_time()
    return [
        Received(
            row["update_id"],
            row["chat_id"],
            row["update_type"],
            row["payload"],
            now - row["age"],
            row["has_followers"],
            message_id=row["message_id"],
            state=chat_state(row),
            blamed=row["blamed"] > 0,
        )
        for row in rows
    ]
