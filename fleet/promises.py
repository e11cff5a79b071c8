"""What must be true in the end, whatever happened: nothing lost, nothing doubled, nobody called who might not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
import trio

from fleet.history import stray_calls
from fleet.instances import Fleet
from fleet.waiting import DEADLINE


class LedgerEntry(NamedTuple):
    """An update in the database: its state in the inbox or its outcome, and how often it was recorded as in doubt."""

    state: str
    doubts: int


@dataclass(frozen=True)
class Ledger:
    """What the database holds, by update id."""

    inbox: dict[int, LedgerEntry]
    processed: dict[int, LedgerEntry]

    @property
    def kept(self) -> dict[int, LedgerEntry]:
        """All of it."""
        return self.inbox | self.processed


async def read_ledger(database_url: str) -> Ledger:
    """What the database holds now."""
    inbox = await rows(database_url, "SELECT update_id, state, doubts FROM inbox")
    processed = await rows(database_url, "SELECT update_id, outcome, doubts FROM processed_updates")
    return Ledger(*({row[0]: LedgerEntry(row[1], row[2]) for row in table} for table in (inbox, processed)))


async def settled(fleet: Fleet, *, doubts: bool = True) -> Ledger:
    """Wait until Telegram has nothing left to deliver and nothing is owed.

    Without `doubts` what is in doubt may stay so: its policy is applied 15 to 20 s after it was begun.
    """
    with trio.fail_after(DEADLINE):
        while True:
            # Looked at before the ledger: what is delivered later than that is not in it.
            delivered = not fleet.sandbox.telegram.bot().pending
            ledger = await read_ledger(fleet.database_url)
            owed = {entry.state for entry in ledger.inbox.values()} - (set() if doubts else {"in_doubt"})
            if delivered and not owed:
                return ledger
            await trio.sleep(0.05)


async def check_promises(fleet: Fleet, *, doubts: bool = True) -> Ledger:
    """Wait until everything is settled, and check: nothing sent or accepted is lost, nobody (having sent one /start)
    got more menus than one and one for each recorded doubt, and no instance called unless it was ACTIVE."""
    ledger = await settled(fleet, doubts=doubts)
    assert not fleet.accepted.keys() - ledger.kept.keys(), "accepted and lost"
    assert not fleet.users.keys() - ledger.kept.keys(), "sent by a user and lost"
    assert not wrong_menus(ledger, fleet.users, fleet.menus())
    assert not list(stray_calls([service.history() for service in fleet.members]))
    return ledger


def wrong_menus(
    ledger: Ledger, users: Mapping[int, int], menus: Mapping[int, int]
) -> dict[int, tuple[int, LedgerEntry]]:
    """Users with too many menus or too few: their number of menus, and what the database says about their update.

    `users` are the senders by update id, `menus` the counts by user.
    """
    found = {}
    for update_id, user in users.items():
        entry, sent = ledger.kept[update_id], menus.get(user, 0)
        if not (update_id in ledger.processed) <= sent <= 1 + entry.doubts:
            found[user] = (sent, entry)
    return found


async def rows(database_url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own, beside everything that is tested."""

    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(database_url, timeout=DEADLINE)
        try:
            return [tuple(row) for row in await connection.fetch(sql, timeout=DEADLINE)]
        finally:
            connection.terminate()

    return await trio.to_thread.run_sync(lambda: asyncio.run(fetch()))
