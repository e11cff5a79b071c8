"""What the database says about updates that Telegram has seen no answer to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg
import trio
from asyncpg.connect_utils import SessionAttribute

from svc.storage.errors import DatabaseUnavailable, mapped_errors

DEADLINE = 5.0
"""Seconds for connecting and asking."""

# One statement, so that it sees one moment: an update that is finished goes from one table to the other.
ASK = """
SELECT update_id, true AS waits FROM inbox WHERE bot_id = $1 AND update_id = ANY($2::bigint[])
UNION ALL
SELECT update_id, false FROM processed_updates WHERE bot_id = $1 AND update_id = ANY($2::bigint[])
UNION ALL
SELECT update_id, false FROM dead_updates WHERE bot_id = $1 AND update_id = ANY($2::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Known:
    """Of the updates that were asked for, those in the inbox, and those that are finished or given up."""

    waiting: Collection[int]
    finished: Collection[int]


async def ask_database(url: str, bot_id: int, update_ids: Sequence[int]) -> Known | None:
    """What the database knows of these, over a connection of its own; None if it does not answer."""

    async def fetch() -> Known:
        connection = await asyncpg.connect(
            url, timeout=DEADLINE, ssl=False, target_session_attrs=SessionAttribute.read_write
        )
        try:
            rows = await connection.fetch(ASK, bot_id, update_ids, timeout=DEADLINE)
        finally:
            connection.terminate()
        waiting = {row["update_id"] for row in rows if row["waits"]}
        return Known(waiting, {row["update_id"] for row in rows} - waiting)

    try:
        # In a thread with a loop of its own: once a second is too seldom for a connection that is kept.
        with mapped_errors():
            return await trio.to_thread.run_sync(lambda: asyncio.run(fetch()), abandon_on_cancel=True)
    except DatabaseUnavailable:
        return None  # it is down, or has just been: that is no news
