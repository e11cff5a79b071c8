"""Users who write to a fleet's bot, each a /start, and each of them once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from fleet.instances import Fleet
from fleet.waiting import eventually


def new_users_write(fleet: Fleet, count: int) -> list[int]:
    """So many new users write at once; their numbers."""
    first = max(fleet.users.values(), default=0) + 1
    users = list(range(first, first + count))
    for user in users:
        fleet.says(user)
    return users


@asynccontextmanager
async def trickle(fleet: Fleet, *, every: float = 0.05) -> AsyncIterator[None]:
    """A new user writes every so many seconds for as long as the block lasts."""

    async def write() -> None:
        while True:
            new_users_write(fleet, 1)
            await trio.sleep(every)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        yield
        nursery.cancel_scope.cancel(reason="enough has been written")


async def more_menus(fleet: Fleet, count: int = 10) -> None:
    """Wait until so many more users have their menu."""
    before = len(fleet.menus())
    await eventually(lambda: len(fleet.menus()) >= before + count)
