"""The system of the demo: a Postgres with its standby, stand-ins for Telegram and for the provider, a balancer in front
of any number of instances. Everything binds 127.0.0.1 and lives in one temporary folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path

import trio

from demo.actions import Refused
from demo.databases import Databases, databases_in, start_databases
from demo.instances.balancer import Balancer
from demo.instances.instance import ENDED, Instance
from demo.instances.instance import Ended as Ended
from demo.instances.links import Links, database_url
from demo.instances.ordinals import ordinal
from demo.keeper import Keeper, KeeperFailed
from demo.people import People
from demo.score.history import History
from demo.score.score import Score
from demo.set_up import set_up
from demo.views import FaultView, SystemView
from demo.wiring import Wiring
from demo.world_faults import WorldFaults
from fleet.bot_api import BotApiLink
from fleet.postgres_pair import PostgresCluster
from sandbox.app import Sandbox
from sandbox.http_client import HttpPoster
from sandbox.kie.app import DEMO_KEY, KieSandbox
from sandbox.postgres import PostgresFailed
from sandbox.telegram import DEMO_TOKEN

MOST_RUNNING = 6
ENDED_SHOWN = 3
LEAD_DEADLINE = 60.0

FAILURES = (PostgresFailed, KeeperFailed, Ended, trio.TooSlowError)
"""What `running_system` raises, alone or in a group, where something does not come up."""

Progress = Callable[[str], None]
"""Told what is being set up, a few words each."""


class System:
    """All of it, as long as `running_system` lasts.

    `folder` is the temporary folder with the databases and the logs. `environment` has the settings with which `svc
    status` and the other commands reach this system.
    """

    def __init__(
        self, folder: Path, keeper: Keeper, databases: Databases, poster: HttpPoster, nursery: trio.Nursery
    ) -> None:
        self.folder = folder
        self.databases = databases
        self.sandbox = Sandbox([DEMO_TOKEN])
        self.provider = KieSandbox(DEMO_KEY)
        self.wiring = Wiring(self.sandbox.telegram, keeper)
        self.faults = WorldFaults(nursery, self.sandbox.faults, self.provider.faults, self.happened)
        self.balancer = Balancer(lambda: self.instances, poster.post, self.wiring.acknowledged)
        self.instances: list[Instance] = []
        """All that ever were, the latest last; of those that have ended, the last few."""
        self.environment: Mapping[str, str] = {
            "BOT_TOKEN": DEMO_TOKEN,
            "DATABASE_URL": database_url(databases.ports),
            "WEBHOOK_SECRET": secrets.token_hex(16),
        }
        self.instance_settings: dict[str, str] = {}
        """What every instance gets on top of this process' own environment."""
        self.own_bot = True
        """Whether the instances run this project's own bot."""
        self._nursery = nursery
        self._started = 0
        (folder / "logs").mkdir()

    @property
    def cluster(self) -> PostgresCluster:
        """The Postgres servers."""
        return self.databases.cluster

    @property
    def people(self) -> People:
        """The crowd."""
        return self.wiring.people

    @property
    def score(self) -> Score:
        """The score."""
        return self.wiring.score

    @property
    def history(self) -> History:
        """The last minutes."""
        return self.wiring.history

    @property
    def news(self) -> str:
        """The latest thing that happened, in a sentence."""
        return self.wiring.news

    @property
    def active(self) -> Instance | None:
        """The instance that leads, if there is one. (One that is frozen does not know when it no longer does.)"""
        leaders = [each for each in self.instances if each.state == "ACTIVE"]
        return max(leaders, key=lambda each: each.epoch or 0, default=None)

    async def start_instance(self) -> Instance:
        """Start one more; returns at once. Raises Refused where there are too many."""
        if sum(each.state != ENDED for each in self.instances) >= MOST_RUNNING:
            raise Refused(f"{MOST_RUNNING} instances run already.")
        self._started += 1
        name = ordinal(self._started)
        link = BotApiLink(
            self.sandbox.api, partial(self.wiring.observed, name), before_call=self.faults.calls.before_call
        )
        instance = Instance(name, self.folder / "logs", Links(link, self.databases.ports), self.wiring)
        self.instances.append(instance)
        self._forget_ended()
        # Not by nursery.start: who is cancelled there would wait for the end of a task that nobody else knows yet.
        self._nursery.start_soon(instance.run, {**os.environ, **self.environment, **self.instance_settings})
        await instance.until_begun()
        return instance

    async def fail_over(self) -> None:
        """End the Postgres primary as a crash does, and let the standby take over; it gets a standby in the background.

        Raises Refused while there is no standby, and PostgresFailed.
        """
        port = await self.databases.promote()
        self._nursery.start_soon(self.add_standby, port)

    async def add_standby(self, port: int) -> None:
        """Make a standby. That it cannot be made is told as news."""
        try:
            await self.databases.add_standby(port)
        except PostgresFailed as error:
            self.happened(f"Postgres has no standby: {error}")

    async def until_led(self, *, after: int = 0) -> Instance:
        """Wait for a leader whose epoch is above `after`. Raises trio.TooSlowError after 60 s."""
        with trio.fail_after(LEAD_DEADLINE):
            while (leader := self.active) is None or (leader.epoch or 0) <= after:
                await self.wiring.changed.park()
        return leader

    def because(self, action: str) -> None:
        """This is done now: if another instance leads soon, it is because of it."""
        self.wiring.handovers.because(action, time.time())

    def happened(self, text: str) -> None:
        """Something was done to the system, or undone: it becomes the news and a mark in the history."""
        self.wiring.happened(text)

    def view(self) -> SystemView:
        """Everything, as the page is told, but for the tour."""
        now = time.time()
        return SystemView(
            now=now,
            news=self.news,
            instances=tuple(each.view() for each in self.instances),
            faults=tuple(FaultView(action, left) for action, left in self.faults.left().items()),
            pending=len(self.sandbox.telegram.bot().pending),
            made=len(self.provider.tasks.all()),
            load=self.people.rate,
            score=self.score.view(now),
            tour=(),
        )

    async def end_instances(self) -> None:
        """End all that run, in order."""
        async with trio.open_nursery() as nursery:
            for instance in self.instances:
                nursery.start_soon(instance.end)

    def _forget_ended(self) -> None:
        ended = [each for each in self.instances if each.state == ENDED]
        for instance in ended[:-ENDED_SHOWN]:
            self.instances.remove(instance)


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
