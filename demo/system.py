"""The system of the demo: a Postgres with its standby, stand-ins for Telegram and for the provider, a balancer in front
of any number of instances. Everything binds 127.0.0.1 and lives in one temporary folder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from demo.history import History
from demo.instance import Instance
from demo.people import People
from demo.score import Score
from demo.views import SystemView
from fleet.postgres_pair import PostgresCluster
from sandbox.app import Sandbox
from sandbox.kie.app import KieSandbox

Progress = Callable[[str], None]
"""Told what is being set up, a few words each."""


class System:
    """All of it, as long as `running_system` lasts.

    `folder` is the temporary folder with the databases and the logs. `environment` has the settings with which `svc
    status` and the other commands reach this system.
    """

    folder: Path
    environment: Mapping[str, str]
    sandbox: Sandbox
    provider: KieSandbox
    cluster: PostgresCluster
    instances: list[Instance]
    """All that ever were, the latest last; of those that have ended, the last few."""
    people: People
    score: Score
    history: History
    news: str

    @property
    def active(self) -> Instance | None:
        """The instance that leads, if there is one."""
        raise NotImplementedError

    async def start_instance(self) -> Instance:
        """Start one more; returns at once. Raises Refused where there are too many."""
        raise NotImplementedError

    async def until_led(self, *, after: int = 0) -> Instance:
        """Wait for a leader whose epoch is above `after`. Raises trio.TooSlowError after 60 s."""
        raise NotImplementedError

    def happened(self, text: str) -> None:
        """Something was done to the system, or undone: it becomes the news and a mark in the history."""
        raise NotImplementedError

    def view(self) -> SystemView:
        """Everything, as the page is told."""
        raise NotImplementedError


@asynccontextmanager
async def running_system(bot: str | None, progress: Progress) -> AsyncIterator[System]:
    """Set everything up, and end and remove it at the end of the block, whatever ends that.

    `bot` is another bot than that which the settings name. Raises PostgresFailed, Ended or trio.TooSlowError where
    something does not come up.
    """
    yield System()
