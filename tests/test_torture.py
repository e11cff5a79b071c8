"""First chaos, then calm: instances are killed, stopped and replaced at random, and every promise is checked after.

`TORTURE_SECONDS` (default 12) is how long the chaos lasts, `TORTURE_SEED` (default 1) what it is made of.
"""

from __future__ import annotations

import os
import random
import signal

import pytest
import trio

from tests.processes import CALM_DEADLINE, Fleet, ServiceProcess, running_fleet

SECONDS = float(os.environ.get("TORTURE_SECONDS", "12"))
SEED = int(os.environ.get("TORTURE_SEED", "1"))
INSTANCES = 3
EVERY = 0.02
KINDS = ("kill", "leave", "stop")


class Chaos:
    """What happens to a fleet, drawn from `rng`."""

    def __init__(self, fleet: Fleet, rng: random.Random) -> None:
        self.fleet = fleet
        self.rng = rng
        self.deeds: list[str] = []
        self._leaving: set[ServiceProcess] = set()

    async def run(self) -> None:
        """Do something every second or so until cancelled; what has been begun is finished."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep(self.rng.uniform(0.5, 1.5))
                victims = [service for service in self.fleet.targets if service not in self._leaving]
                if victims:
                    # Mostly the one that leads.
                    leading = [service for service in victims if _leads(service)]
                    victim = self.rng.choice(leading if leading and self.rng.random() < 0.7 else victims)
                    # The first of each kind in turn: a short run has them all.
                    kind = KINDS[len(self.deeds)] if len(self.deeds) < len(KINDS) else self.rng.choice(KINDS)
                    self.deeds.append(kind)
                    nursery.start_soon(self._do, kind, victim)

    async def _do(self, kind: str, victim: ServiceProcess) -> None:
        with trio.CancelScope(shield=True):
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
        if victim.process.poll() is None:
            victim.send_signal(signal.SIGCONT)


def _leads(service: ServiceProcess) -> bool:
    return bool(service.lines("STATE")) and service.lines("STATE")[-1]["to"] == "ACTIVE"


async def _users_write(fleet: Fleet) -> None:
    user = 1
    while True:
        fleet.says(user)
        user += 1
        await trio.sleep(EVERY)


@pytest.mark.timeout(SECONDS + CALM_DEADLINE + 60)
async def test_chaos_then_calm(empty_database_url: str) -> None:
    """Whatever happens to three instances under load: accepted = done, one menu each and one more a recorded doubt at
    most, and not one call from an instance that was not ACTIVE."""
    async with running_fleet(empty_database_url, LEASE="1", WORKERS="8") as fleet:
        fleet.sandbox.faults.order("slow_after", count=None, method="sendMessage", delay=0.03)
        for _ in range(INSTANCES):
            await fleet.start()
        chaos = Chaos(fleet, random.Random(SEED))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_users_write, fleet)
            with trio.move_on_after(SECONDS):
                await chaos.run()
            nursery.cancel_scope.cancel(reason="calm")
        ledger = await fleet.check_promises()
        outcomes = [outcome for outcome, _ in ledger.processed.values()]
        doubts = sum(doubts for _, doubts in ledger.processed.values())
        menus = sum(fleet.menus().values())
        terms = max(period.epoch for service in fleet.members for period in service.periods())
        print(
            f"FIGURE torture: {len(chaos.deeds)} deeds, {len(fleet.members)} instances, {terms} terms, "
            f"{len(fleet.accepted)} accepted, {outcomes.count('done')} done, {outcomes.count('dead')} dead, "
            f"{menus - len(fleet.users)} menus too many, {doubts} doubts, 0 stray calls"
        )
        assert len(outcomes) == outcomes.count("done") + outcomes.count("dead") == len(fleet.users)
        assert {"kill", "leave", "stop"} <= set(chaos.deeds)
        assert terms > 3
        for service in fleet.members:
            assert not service.lines("FAILED")
            assert not service.stderr
