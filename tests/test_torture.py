"""First chaos, then calm: instances are killed, stopped and replaced at random, and every promise is checked after.

`TORTURE_SECONDS` (default 12) is how long the chaos lasts at least, `TORTURE_SEED` (default 1) what it is made of.
"""

from __future__ import annotations

import os
import random
import signal

import pytest
import trio

from fleet.instances import Fleet, running_fleet
from fleet.process import ServiceProcess
from fleet.promises import Ledger, check_promises
from fleet.traffic import trickle
from fleet.waiting import DEADLINE

pytestmark = pytest.mark.processes

SECONDS = float(os.environ.get("TORTURE_SECONDS", "12"))
SEED = int(os.environ.get("TORTURE_SEED", "1"))
INSTANCES = 3
EVERY = 0.02
KINDS = ("kill", "leave", "stop")
LEAST_TERMS = 4


class Chaos:
    """What happens to a fleet, drawn from `rng`."""

    def __init__(self, fleet: Fleet, rng: random.Random) -> None:
        self.fleet = fleet
        self.rng = rng
        self.done: list[str] = []
        self._leaving: set[ServiceProcess] = set()

    async def run(self, seconds: float) -> None:
        """Do something every second or so, for so long and until enough has happened; what is begun is finished."""
        end = trio.current_time() + seconds
        async with trio.open_nursery() as nursery:
            while trio.current_time() < end or not self._enough():
                await trio.sleep(self.rng.uniform(0.5, 1.5))
                if (victim := self._draw_victim()) is not None:
                    nursery.start_soon(self._do, self._draw_kind(), victim)

    def _enough(self) -> bool:
        return set(KINDS) <= set(self.done) and _terms(self.fleet) >= LEAST_TERMS

    def _draw_victim(self) -> ServiceProcess | None:
        """Mostly the instance that is ACTIVE; None if all are leaving."""
        victims = [service for service in self.fleet.targets if service not in self._leaving]
        active = [service for service in victims if service.state == "ACTIVE"]
        if not victims:
            return None
        return self.rng.choice(active if active and self.rng.random() < 0.7 else victims)

    def _draw_kind(self) -> str:
        """The first of each kind in turn, so that a short run has them all."""
        kind = KINDS[len(self.done)] if len(self.done) < len(KINDS) else self.rng.choice(KINDS)
        self.done.append(kind)
        return kind

    async def _do(self, kind: str, victim: ServiceProcess) -> None:
        if kind == "stop":
            await self._stop(victim)
            return
        # It stays a target of webhooks: a load balancer is late to know.
        self._leaving.add(victim)
        victim.send_signal(signal.SIGKILL if kind == "kill" else signal.SIGTERM)
        assert await victim.exit_code() == (-signal.SIGKILL if kind == "kill" else 0), victim.stderr
        self.fleet.targets.remove(victim)
        await self.fleet.start()

    async def _stop(self, victim: ServiceProcess) -> None:
        victim.send_signal(signal.SIGSTOP)
        await trio.sleep(self.rng.uniform(0.2, 3.0))
        if victim.running:
            victim.send_signal(signal.SIGCONT)


@pytest.mark.timeout(SECONDS + DEADLINE + 60)
async def test_chaos_then_calm(empty_database_url: str) -> None:
    """Whatever happens to three instances under load: accepted = done, one menu each and one more a recorded doubt at
    most, and not one call from an instance that was not ACTIVE."""
    async with running_fleet(empty_database_url, LEASE="1", WORKERS="8") as fleet:
        fleet.sandbox.faults.order("slow_after", count=None, method="sendMessage", delay=0.03)
        for _ in range(INSTANCES):
            await fleet.start()
        chaos = Chaos(fleet, random.Random(SEED))
        async with trickle(fleet, every=EVERY):
            await chaos.run(SECONDS)
        ledger = await check_promises(fleet)
        outcomes = [entry.state for entry in ledger.processed.values()]
        print(f"{len(chaos.done)} events, {_terms(fleet)} terms, {_story(fleet, ledger)}, 0 stray calls")
        assert len(outcomes) == outcomes.count("done") + outcomes.count("dead") == len(fleet.users)
        for service in fleet.members:
            assert not service.lines("FAILED")
            assert not service.stderr


def _terms(fleet: Fleet) -> int:
    return max((span.epoch for service in fleet.members for span in service.history().spans), default=0)


def _story(fleet: Fleet, ledger: Ledger) -> str:
    outcomes = [entry.state for entry in ledger.processed.values()]
    doubts = sum(entry.doubts for entry in ledger.processed.values())
    extra = fleet.menus().total() - len(fleet.users)
    return (
        f"{len(fleet.members)} instances, {len(fleet.accepted)} accepted, {outcomes.count('done')} done, "
        f"{outcomes.count('dead')} dead, {extra} menus too many, {doubts} doubts"
    )
