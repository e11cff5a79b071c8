"""The demo's Postgres: a primary at once, and a standby that is made while the rest is in use already."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from demo.instances.links import database_url
from demo.interruptible import Running
from demo.refused import Refused
from fleet.postgres_pair import PostgresCluster
from sandbox.ports import free_port
from sandbox.postgres import Watcher
from sandbox.postgres_programs import ROOTS_USER, server_user


class Databases:
    """A cluster whose work is done in threads, one thing at a time. Its methods raise PostgresFailed."""

    def __init__(self, cluster: PostgresCluster, password: str, running: Running) -> None:
        self.cluster = cluster
        self.password = password
        """Of the user `postgres`, without which no other user of this machine gets in."""
        self.ports = (cluster.primary.port, free_port())
        """Of the two servers, of which one takes writes."""
        self._running = running
        self._busy = trio.Lock()
        self._doing = ""

    @property
    def url(self) -> str:
        """The address of the one that takes writes."""
        return database_url(self.ports, self.password)

    @property
    def busy(self) -> bool:
        """Whether something is done to it now."""
        return self._busy.locked()

    @property
    def state(self) -> str:
        """How it is, in a few words."""
        if self.busy:
            return self._doing
        return "with a standby" if self.cluster.standby else "without a standby"

    @asynccontextmanager
    async def _alone(self, doing: str) -> AsyncIterator[None]:
        async with self._busy:
            self._doing = doing
            yield

    async def add_standby(self, port: int) -> None:
        """Make a synchronous standby at this port."""
        async with self._alone("makes a standby"):
            await self._running.work(partial(self.cluster.add_standby, port))

    async def restart(self) -> None:
        """Stop the primary in order, and start it. Raises Refused while something else is done."""
        self.check_idle()
        async with self._alone("restarts"):
            await self._running.work(self.cluster.restart)

    async def promote(self) -> int:
        """End the primary as a crash does; the standby takes over. Returns the port at which a new one is to follow.

        Raises Refused where `check_standby` does.
        """
        self.check_standby()
        async with self._alone("fails over"):
            return await self._running.work(self.cluster.promote)

    async def stop(self) -> None:
        """End both servers."""
        self._running.give_up()
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
    running, password = Running(watcher), secrets.token_hex(16)
    start = partial(PostgresCluster, folder, with_standby=False, watcher=running, password=password)
    return Databases(await running.work(start), password, running)
