"""The instances of a soak: two that stand, one more during a deploy. Whoever is killed is replaced."""

from __future__ import annotations

import re
import signal
from collections import Counter
from dataclasses import dataclass

import trio

from fleet.process import THIS, LogLine, ServiceProcess, running_service
from fleet.soak.delivery import Target
from fleet.soak.plan import Kind

STANDING = 2
TO_END = 60.0
"""Seconds in which an instance has ended that was told to: its own limit is twenty."""
SETTINGS = {"KEEP_PROCESSED": "48"}
"""The default, by which the rows that are there at the beginning were made (old_rows.py)."""

# A thousand lines a second are written; of these something is made.
_KEPT = re.compile(rb'"event": ?"(?:STATE|LOCK_WAIT|IN_DOUBT|FOUND)"|"level": ?"(?:error|critical)"')


def is_kept(line: bytes) -> bool:
    """Whether a line of an instance's log says something that a soak looks at."""
    return _KEPT.search(line) is not None


def _counted(line: LogLine) -> str:
    """What a line counts as in the end."""
    if line["event"] == "IN_DOUBT":
        return f"in doubt: {line.get('reason') or line.get('error')}"
    if line.get("level") in ("error", "critical"):
        return f"error: {line['event']}"
    return "found" if line["event"] == "FOUND" else ""


@dataclass(eq=False)
class Instance:
    """One that stands. `leaving`: its end was asked for, in the way that a return code of `wanted` tells."""

    number: int
    service: ServiceProcess
    target: Target
    leaving: bool = False
    wanted: int = 0

    def __str__(self) -> str:
        return f"instance {self.number}"


class Instances:
    """Starts instances at one database, and ends them. `bot_api` is where they find Telegram, `targets` are those that
    take updates in.

    `every` are all that ever were, and `standing` those that are up; `done` counts deploys and kills, and `ended` tells
    of those that ended in another way than they should.
    """

    def __init__(self, nursery: trio.Nursery, database_url: str) -> None:
        self.bot_api = ""
        self.every: list[Instance] = []
        self.standing: list[Instance] = []
        self.targets: list[Target] = []
        self.done: Counter[Kind] = Counter()
        self.ended: list[str] = []
        self._nursery = nursery
        self._database_url = database_url
        # One after the other: a kill in the middle of a deploy would leave nobody for a moment.
        self._one_at_a_time = trio.Lock()

    async def add(self) -> Instance:
        """Start one more; once it is PASSIVE it takes updates in."""
        instance: Instance = await self._nursery.start(self._run, len(self.every) + 1)
        self.every.append(instance)
        await instance.service.event("LOCK_WAIT")
        self.standing.append(instance)
        self.targets.append(instance.target)
        return instance

    @property
    def logged(self) -> Counter[str]:
        """What the instances have logged, of what a soak looks at."""
        return Counter(filter(None, (_counted(line) for each in self.every for line in each.service.log)))

    @property
    def active(self) -> Instance | None:
        """The one that leads, if one does."""
        found = [each for each in self.standing if each.service.running and each.service.state == "ACTIVE"]
        return found[-1] if found else None

    @property
    def passive(self) -> Instance | None:
        """The youngest that waits for the lead."""
        found = [each for each in self.standing if each.service.running and each.service.state == "PASSIVE"]
        return found[-1] if found else None

    async def inflict(self, kind: Kind) -> Instance:
        """A deploy: a new instance, and then the one that leads is told to end. Or that one is killed, and replaced.

        Returns whom it has hit, once as many stand as before.
        """
        async with self._one_at_a_time:
            self.done[kind] += 1
            if kind is Kind.DEPLOY:
                await self.add()
            hit = self._leader_or_eldest()
            self._end(hit, signal.SIGTERM if kind is Kind.DEPLOY else signal.SIGKILL)
            with trio.fail_after(TO_END):
                await hit.service.process.wait()
            if kind is Kind.KILL:
                await self.add()
        return hit

    def _leader_or_eldest(self) -> Instance:
        return self.active or self.standing[0]

    def _end(self, instance: Instance, how: signal.Signals) -> None:
        # It stays a target until it has ended: a load balancer is late to know.
        instance.leaving = True
        instance.wanted = -how if how is signal.SIGKILL else 0
        instance.service.send_signal(how)

    async def _run(self, number: int, *, task_status: trio.TaskStatus[Instance]) -> None:
        """One instance until its end, or until all is over."""
        async with running_service(self._database_url, self.bot_api, THIS, **SETTINGS) as service:
            service.keeps = is_kept
            instance = Instance(number, service, Target(service.url))
            task_status.started(instance)
            try:
                code = await service.process.wait()
            finally:
                self._take_out(instance)
            if not instance.leaving or code != instance.wanted:
                unasked = "" if instance.leaving else " unasked"
                words = service.stderr.decode(errors="replace").strip()[-300:]
                self.ended.append(f"instance {number} ended with {code}{unasked}: {words}")

    def _take_out(self, instance: Instance) -> None:
        instance.target.close()
        if instance in self.standing:
            self.standing.remove(instance)
            self.targets.remove(instance.target)
