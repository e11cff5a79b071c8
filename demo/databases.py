"""The demo's Postgres: a primary at once, and a standby that is made while the rest is used already."""

from __future__ import annotations

from pathlib import Path

import trio

from demo.actions import Refused
from fleet.postgres_pair import PostgresCluster
from sandbox.ports import free_port
from sandbox.postgres import PostgresFailed


class Databases:
    """A cluster whose work is done in threads, one thing at a time. Made by `open_databases`."""

    def __init__(self, cluster: PostgresCluster) -> None:
        self.cluster = cluster
        self.ports = (cluster.primary.port, free_port())
        """Of the two servers, of which one takes writes."""
        self.has_standby = False
        self._busy = trio.Lock()

    async def add_standby(self, port: int | None = None) -> None:
        """Make a synchronous standby. Raises PostgresFailed."""
        async with self._busy:
            await trio.to_thread.run_sync(self.cluster.add_standby, port or self.ports[1])
        self.has_standby = True

    async def restart(self) -> None:
        """Stop the primary in order, and start it. Raises Refused while something else is done to Postgres."""
        self._check_idle()
        async with self._busy:
            await trio.to_thread.run_sync(self.cluster.restart)

    async def promote(self) -> int:
        """End the primary as a crash does; the standby takes over. Returns the port at which a new one is to follow.

        Raises Refused while there is no standby.
        """
        self._check_idle()
        if not self.has_standby:
            raise Refused("The standby is still being made: try again in a few seconds.")
        self.has_standby = False
        async with self._busy:
            return await trio.to_thread.run_sync(self.cluster.promote)

    async def stop(self) -> None:
        """Stop both servers."""
        await trio.to_thread.run_sync(self.cluster.stop)

    def _check_idle(self) -> None:
        if self._busy.locked():
            raise Refused("Something else is being done to Postgres: try again in a few seconds.")


async def start_databases(folder: Path) -> Databases:
    """Start the primary. Raises PostgresFailed."""
    return Databases(await trio.to_thread.run_sync(lambda: PostgresCluster(folder, with_standby=False)))


__all__ = ["Databases", "PostgresFailed", "start_databases"]
