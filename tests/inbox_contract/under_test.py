"""Both inboxes with a look behind them, and the steps that every test of the contract takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID, uuid4

import trio
import trio.testing

from svc.storage.database import Database
from svc.storage.inbox import Attempt, BeginOutcome, Inbox, Received, StoreOutcome, Term
from svc.storage.orders import Orders, Pause
from svc.storage.postgres_inbox import PostgresInbox
from svc.storage.reading_sql import WINDOW
from tests.flaky_database import FlakyDatabase
from tests.memory.inbox import MemoryInbox, Processed, Row

BOT = 4503599627370495  # the largest id that the Bot API promises: 52 bits
LONG_AGO = 0.0  # an age that everything has
EVER = 1e6  # an age that nothing has
FOREIGN = UUID(int=13)
TIMES = {
    "inbox": ("received_at", "aged_from", "started_at", "available_at", "retried_at", "look_at"),
    "processed_updates": ("received_at", "processed_at"),
    "jobs": ("created_at", "deadline_at", "due_at", "submitted_at", "ready_at", "ended_at"),
    "leadership": ("acquired_at",),
    "instances": ("seen_at",),
}
HEARTBEAT = """
INSERT INTO instances (bot_id, instance_id, state, epochs) VALUES ($1, 'of ' || $2::bigint, 'PASSIVE', ARRAY[$2, 1000])
"""


@dataclass(frozen=True)
class Seen:
    """What an update has become: its state or outcome, and its counts."""

    state: str
    attempts: int = 0
    doubts: int = 0


class Looking(NamedTuple):
    """What stands in a row about looking for it."""

    watermark: int | None
    looks: int
    absent: int
    resends: int


class InboxUnderTest(Protocol):
    """An inbox, and a look behind it."""

    inbox: Inbox

    async def row(self, update_id: int) -> Seen | None:
        """The row in the inbox."""

    async def processed(self) -> dict[int, Seen]:
        """What has been done."""

    async def dead(self) -> dict[int, tuple[bytes, str]]:
        """The payloads and reasons of the dead."""

    def go_away(self) -> None:
        """Every statement is lost until `come_back`."""

    def come_back(self) -> None:
        """Statements are answered again."""

    async def leave_over(self, update: Received) -> None:
        """Put a row in although the update may have been processed, as a store that raced with a settle does."""

    async def paused(self) -> str | None:
        """Why sending is paused, as it is noted for operators."""

    async def pause(self, *pauses: Pause) -> None:
        """These are all the pauses that operators have ordered."""

    async def blamed(self, update_id: int) -> int:
        """How often an update in the inbox has been blamed."""

    async def looking(self, update_id: int) -> Looking:
        """What stands in the row about looking for it."""

    async def messages(self, update_id: int) -> tuple[int | None, int | None]:
        """Of an update that is done, the message that it brought and the one that was sent for it."""

    async def pass_time(self, seconds: float) -> None:
        """Let everything have happened so many seconds earlier."""

    async def hear_of_the_leader_of(self, epoch: int) -> None:
        """A heartbeat of the instance that led this term."""


class MemoryInboxUnderTest:
    def __init__(self, *, window: int = WINDOW) -> None:
        self.memory = MemoryInbox(window=window)
        self.inbox: Inbox = self.memory

    async def row(self, update_id: int) -> Seen | None:
        row = self.memory.rows.get(update_id)
        return Seen(row.state, row.attempts, row.doubts) if row else None

    async def processed(self) -> dict[int, Seen]:
        def seen(row: Processed) -> Seen:
            return Seen(row.outcome, row.attempts, row.doubts)

        return {update_id: seen(row) for update_id, row in self.memory.processed.items()}

    async def dead(self) -> dict[int, tuple[bytes, str]]:
        return {update_id: (update.payload, reason) for update_id, (update, reason) in self.memory.dead.items()}

    def go_away(self) -> None:
        self.memory.go_away()

    def come_back(self) -> None:
        self.memory.come_back()

    async def leave_over(self, update: Received) -> None:
        self.memory.rows.setdefault(update.update_id, Row(update, available=trio.current_time()))

    async def paused(self) -> str | None:
        return self.memory.paused

    async def pause(self, *pauses: Pause) -> None:
        self.memory.orders = Orders(pauses)

    async def blamed(self, update_id: int) -> int:
        return self.memory.rows[update_id].blamed

    async def looking(self, update_id: int) -> Looking:
        row = self.memory.rows[update_id]
        return Looking(row.watermark, row.looks, row.absent, row.resends)

    async def messages(self, update_id: int) -> tuple[int | None, int | None]:
        row = self.memory.processed[update_id]
        return row.message_id, row.sent_id

    async def pass_time(self, seconds: float) -> None:
        for row in self.memory.rows.values():
            row.started -= seconds
            row.available -= seconds
            row.look_at -= seconds
        for done in self.memory.processed.values():
            done.at -= seconds
        for job in self.memory.jobs.values():
            job.pass_time(seconds)
        self.memory.acquired_at -= seconds
        self.memory.seen = {epoch: at - seconds for epoch, at in self.memory.seen.items()}

    async def hear_of_the_leader_of(self, epoch: int) -> None:
        self.memory.seen[epoch] = trio.current_time()


class PostgresInboxUnderTest:
    def __init__(self, database: FlakyDatabase, inbox: PostgresInbox, bot_id: int) -> None:
        self.database = database
        self.inbox: Inbox = inbox
        self.bot_id = bot_id

    async def row(self, update_id: int) -> Seen | None:
        rows = await self._fetch(
            "SELECT state, attempts, doubts FROM inbox WHERE bot_id = $1 AND update_id = $2", update_id
        )
        return Seen(*rows[0]) if rows else None

    async def processed(self) -> dict[int, Seen]:
        rows = await self._fetch("SELECT update_id, outcome, attempts, doubts FROM processed_updates WHERE bot_id = $1")
        return {update_id: Seen(*rest) for update_id, *rest in rows}

    async def dead(self) -> dict[int, tuple[bytes, str]]:
        rows = await self._fetch("SELECT update_id, payload, reason FROM dead_updates WHERE bot_id = $1")
        return {update_id: (payload, reason) for update_id, payload, reason in rows}

    def go_away(self) -> None:
        self.database.away = True

    def come_back(self) -> None:
        self.database.away = False

    async def leave_over(self, update: Received) -> None:
        await self._fetch(
            "INSERT INTO inbox (bot_id, update_id, chat_id, update_type, payload, received_by)"
            " VALUES ($1, $2, $3, $4, $5, 'test') ON CONFLICT DO NOTHING",
            update.update_id,
            update.chat_id,
            update.kind,
            update.payload,
        )

    async def paused(self) -> str | None:
        ((reason,),) = await self._fetch("SELECT paused_reason FROM leadership WHERE bot_id = $1")
        assert reason is None or isinstance(reason, str)
        return reason

    async def pause(self, *pauses: Pause) -> None:
        await self._fetch("DELETE FROM pauses WHERE bot_id = $1")
        put = "INSERT INTO pauses VALUES ($1, $2, $3, $4, $5, to_timestamp($6))"
        for pause in pauses:
            await self._fetch(put, pause.scope, pause.name, pause.reason, pause.by, pause.at)

    async def blamed(self, update_id: int) -> int:
        rows = await self._fetch("SELECT blamed FROM inbox WHERE bot_id = $1 AND update_id = $2", update_id)
        count: int = rows[0]["blamed"]
        return count

    async def looking(self, update_id: int) -> Looking:
        columns = ", ".join(Looking._fields)
        (row,) = await self._fetch(f"SELECT {columns} FROM inbox WHERE bot_id = $1 AND update_id = $2", update_id)
        return Looking(*row)

    async def messages(self, update_id: int) -> tuple[int | None, int | None]:
        ((message_id, sent_id),) = await self._fetch(
            "SELECT message_id, sent_id FROM processed_updates WHERE bot_id = $1 AND update_id = $2", update_id
        )
        return message_id, sent_id

    async def pass_time(self, seconds: float) -> None:
        for table, times in TIMES.items():
            earlier = ", ".join(f"{time} = {time} - make_interval(secs => $2)" for time in times)
            await self._fetch(f"UPDATE {table} SET {earlier} WHERE bot_id = $1", seconds)

    async def hear_of_the_leader_of(self, epoch: int) -> None:
        await self._fetch(HEARTBEAT, epoch)

    async def _fetch(self, sql: str, *args: Any) -> list[Any]:
        return await self.database.fetch(sql, self.bot_id, *args)


@asynccontextmanager
async def postgres_inbox(
    database: Database, bot_id: int = BOT, *, window: int = WINDOW
) -> AsyncIterator[PostgresInboxUnderTest]:
    async with trio.open_nursery() as nursery:
        flaky = FlakyDatabase(database)
        inbox = PostgresInbox(flaky, bot_id, "one", window=window)
        nursery.start_soon(inbox.run)
        yield PostgresInboxUnderTest(flaky, inbox, bot_id)
        nursery.cancel_scope.cancel(reason="the test is over")


def an_update(update_id: int, chat_id: int = 7, payload: bytes = b"{}", *, message_id: int | None = None) -> Received:
    return Received(update_id, chat_id, "message", payload, trio.current_time(), message_id=message_id)


async def store(inbox: Inbox, *update_ids: int, chat_id: int = 7) -> None:
    for update_id in update_ids:
        assert (await inbox.store(an_update(update_id, chat_id))).outcome is not StoreOutcome.DUPLICATE


async def new_term(inbox: Inbox) -> Term:
    return await inbox.take_over(uuid4(), "one")


async def begun(inbox: Inbox, update_id: int, term: Term, token: int = 1, *, repeatable: bool = False) -> Attempt:
    attempt = Attempt(update_id, term, token, repeatable)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN
    return attempt


async def outcome(inbox: Inbox, update_id: int, term: Term, token: int = 2) -> BeginOutcome:
    return (await inbox.begin(Attempt(update_id, term, token))).outcome


def ids(updates: Sequence[Received]) -> list[int]:
    return [update.update_id for update in updates]


async def ids_read_back(inbox: Inbox, limit: int = 10, *, without: Collection[int] = ()) -> list[int]:
    return ids((await inbox.backfill(limit, without=without)).updates)


async def at_once(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Call all of `calls` in one scheduling step, so that they share a group; their results in order."""
    results: list[Any] = [None] * len(calls)

    async def one(index: int) -> None:
        results[index] = await calls[index]()

    async with trio.open_nursery() as nursery:
        for index in range(len(calls)):
            nursery.start_soon(one, index)
    return results
