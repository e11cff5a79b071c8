"""The system from its first process to its last: it comes up in order, and ends whatever ends it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import trio

from demo.databases import Databases, databases_in, start_databases
from demo.instances.instance import Ended
from demo.keeper import Keeper, KeeperFailed
from demo.set_up import set_up
from demo.system import System
from sandbox.http_client import HttpPoster
from sandbox.postgres import PostgresFailed

FAILURES = (PostgresFailed, KeeperFailed, Ended, trio.TooSlowError)
"""What `running_system` raises, alone or in a group, where something does not come up."""

Progress = Callable[[str], None]
"""Told what is being set up, a few words each."""


@asynccontextmanager
async def running_system(bot: str | None, progress: Progress) -> AsyncIterator[System]:
    """Set everything up, and end and remove it at the end of the block, whatever ends that.

    `bot` is another bot than that which the settings name. Raises FAILURES where something does not come up.
    """
    with _folder() as (folder, keeper), closing(HttpPoster()) as poster:
        progress(databases_in(folder))
        async with _running_databases(folder, keeper) as databases, trio.open_nursery() as nursery:
            system = System(folder, keeper, databases, poster, nursery)
            try:
                await set_up(system, nursery, bot, progress)
                yield system
            finally:
                with trio.CancelScope(shield=True):
                    await system.end_instances()  # each has a deadline
            nursery.cancel_scope.cancel(reason="the demo is over")


@contextmanager
def _folder() -> Iterator[tuple[Path, Keeper]]:
    """A temporary folder, removed at the end, and a keeper that does the same should this process be killed."""
    folder = Path(tempfile.gettempdir()) / f"svc-demo-{secrets.token_hex(4)}"
    keeper = Keeper(folder)
    try:
        yield folder, keeper
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        keeper.close()


@asynccontextmanager
async def _running_databases(folder: Path, keeper: Keeper) -> AsyncIterator[Databases]:
    databases = await start_databases(folder / "postgres", keeper)
    try:
        yield databases
    finally:
        with trio.CancelScope(shield=True):
            await databases.stop()  # kills what does not end in time
