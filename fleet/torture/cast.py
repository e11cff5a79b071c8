"""The instances of a run, each behind links of its own to Postgres. Whichever ends is replaced."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from fleet.bot_api import ObservedBotApi
from fleet.instances import Fleet
from fleet.process import ServiceProcess
from fleet.tcp_proxy import TcpProxy
from fleet.torture.clock import SteppingClock
from fleet.torture.schedule import Target


@dataclass
class Member:
    """One instance and its links. `killed_at` (Unix time) if it was killed, `leaving` if its end was asked for."""

    number: int
    service: ServiceProcess
    database: Sequence[TcpProxy]
    clock: SteppingClock | None = None
    leaving: bool = False
    killed_at: float | None = None
    busy: set[str] = field(default_factory=set)

    @property
    def bot_api(self) -> ObservedBotApi:
        """Its way to the Bot API."""
        assert self.service.bot_api is not None
        return self.service.bot_api

    def __str__(self) -> str:
        return f"instance {self.number} ({self.service.state})"


class Cast:
    """Starts instances of `fleet` and keeps their number. `members` are all that ever were, `ended` tells of those that
    ended unasked. `ports` are those of the Postgres servers; with a `library` (libfaketime), clocks can be set."""

    def __init__(
        self, fleet: Fleet, nursery: trio.Nursery, ports: Sequence[int], folder: Path, library: Path | None
    ) -> None:
        self.fleet = fleet
        self.members: list[Member] = []
        self.ended: list[str] = []
        self._nursery = nursery
        self._ports = ports
        self._folder = folder
        self._library = library
        self._numbers = itertools.count(1)

    async def add(self) -> Member:
        """Start one more instance, and let it be a target of webhooks once it is PASSIVE."""
        number = next(self._numbers)
        links = [TcpProxy(port) for port in self._ports]
        for link in links:
            await self._nursery.start(link.run)
        clock = SteppingClock(self._library, self._folder / f"clock-{number}") if self._library else None
        hosts = ",".join(f"127.0.0.1:{link.port}" for link in links)
        environment = clock.environment if clock else {}
        service = await self.fleet.launch(f"postgresql://postgres@{hosts}/postgres", **environment)
        await service.event("LOCK_WAIT")
        member = Member(number, service, links, clock)
        self.members.append(member)
        self.fleet.targets.append(service)
        self._nursery.start_soon(self._replace_at_its_end, member)
        return member

    def choose(self, who: Target, fits: Callable[[Member], bool]) -> Member | None:
        """An instance that is up and fits, the latest in that state; None if there is none."""
        found = [member for member in self.members if member.service.running and not member.leaving and fits(member)]
        return next((member for member in reversed(found) if member.service.state == who), None)

    def end(self, member: Member, how: signal.Signals) -> None:
        """Ask an instance to end, or kill it."""
        # It stays a target of webhooks until it has ended: a load balancer is late to know.
        member.leaving = True
        at = member.service.send_signal(how)
        if how == signal.SIGKILL:
            member.killed_at = at

    async def _replace_at_its_end(self, member: Member) -> None:
        code = await member.service.process.wait()
        self.fleet.targets.remove(member.service)
        wanted = -signal.SIGKILL if member.killed_at else 0
        if not member.leaving or code != wanted:
            words = member.service.stderr.decode(errors="replace").strip()[-300:]
            self.ended.append(f"{member} ended with {code}{' unasked' if not member.leaving else ''}: {words}")
        await self.add()
