"""The demo's Postgres: a primary at once, and a standby that is made while the rest is in use already."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import trio

from demo.actions import Refused
from fleet.postgres_pair import PostgresCluster
from sandbox.ports import free_port
from sandbox.postgres import Watcher
from sandbox.postgres_programs import ROOTS_USER, server_user


class Databases:
    """A cluster whose work is done in threads, one thing at a time. Its methods raise PostgresFailed."""

    def __init__(self, cluster: PostgresCluster) -> None:
        self.cluster = cluster
        self.ports = (cluster.primary.port, free_port())
        """Of the two servers, of which one takes writes."""
        self._busy = trio.Lock()

    @property
    def busy(self) -> bool:
        """Whether something is done to it now."""
        return self._busy.locked()

    async def add_standby(self, port: int) -> None:
        """Make a synchronous standby at this port."""
        async with self._busy:
            await trio.to_thread.run_sync(self.cluster.add_standby, port)

    async def restart(self) -> None:
        """Stop the primary in order, and start it. Raises Refused while something else is done."""
        self.check_idle()
        async with self._busy:
            await trio.to_thread.run_sync(self.cluster.restart)

    async def promote(self) -> int:
        """End the primary as a crash does; the standby takes over. Returns the port at which a new one is to follow.

        Raises Refused where `check_standby` does.
        """
        self.check_standby()
        async with self._busy:
            return await trio.to_thread.run_sync(self.cluster.promote)

    async def stop(self) -> None:
        """Stop both servers."""
        await trio.to_thread.run_sync(self.cluster.stop)

    def check_standby(self) -> None:
        """Raises Refused while there is no standby, or something else is done."""
        self.check_idle()
        if self.cluster.standby is None:
            raise Refused("There is no standby that could take over.")

    def check_idle(self) -> None:
        """Raises Refused while something is done."""
        if self.busy:
            raise Refused("Postgres is busy, its standby may still be in the making: try again in a few seconds.")


def databases_in(folder: Path) -> str:
    """In words, what is created in this folder, and as whom it runs if not as us. Raises PostgresFailed."""
    return f"a Postgres in {folder}" + ("" if server_user() is None else f", run by {ROOTS_USER}")


async def start_databases(folder: Path, watcher: Watcher) -> Databases:
    """Start the primary. `watcher` is told of the processes."""
    start = partial(PostgresCluster, folder, with_standby=False, watcher=watcher)
    return Databases(await trio.to_thread.run_sync(start))
