"""What is done for each kind of fault, and undone again."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Collection

import trio

from fleet.postgres_pair import PostgresCluster
from fleet.torture.cast import Cast, Member
from fleet.torture.operator import OperatorsWork
from fleet.torture.schedule import KINDS, PlannedFault, Target

SHARE = {"hang": 0.05}
USUAL_SHARE = 0.25
DUPLICATES = 20
CLOCK_STEP = 100
UNSEEN_FOR = 0.9
"""Seconds after it was made in which a message is not found. Less than between two looks."""


class Inflictor:
    """Carries out faults. `done` is how many there were, `operator` knows those that were orders; `say` is told of each
    in a line.
    """

    def __init__(self, cast: Cast, cluster: PostgresCluster, say: Callable[[str], object]) -> None:
        self.done = 0
        self._cast = cast
        self._cluster = cluster
        self._say = say
        self.operator = OperatorsWork(cluster)
        self._database = trio.Lock()
        self._pausing = trio.Lock()

    async def run(self, schedule: list[PlannedFault]) -> None:
        """All of them, each at its time from now on. Returns when the last is over."""
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for fault in schedule:
                await trio.sleep_until(began + fault.at)
                nursery.start_soon(self._inflict, fault)

    async def _inflict(self, fault: PlannedFault) -> None:
        if fault.who is Target.DATABASE:
            async with self._database:
                self._tell(fault, None)
                await self._hit_database(fault)
        elif fault.who is Target.OPERATOR:
            self._tell(fault, None)
            await self._order(fault)
        elif fault.who is Target.BOT_API:
            self._tell(fault, None)
            await self._hit_bot_api(fault)
        elif victim := self._victim(fault):
            self._tell(fault, victim)
            victim.busy.add(fault.kind)
            await _HITS[fault.kind](self._cast, victim, fault.lasting)
            victim.busy.discard(fault.kind)
        else:
            self._say(f"{fault}: nobody is there to be hit")

    def _victim(self, fault: PlannedFault) -> Member | None:
        """Who is hit: of the state that is planned, else any other. A link that is down is not taken down twice."""

        def fits(member: Member) -> bool:
            return fault.kind not in member.busy and not (fault.kind == "no_telegram" and self._others_cut_off(member))

        return next((found for who in (fault.who, *_STATES) if (found := self._cast.choose(who, fits))), None)

    def _others_cut_off(self, member: Member) -> bool:
        return any("no_telegram" in other.busy for other in self._cast.members if other is not member)

    def _tell(self, fault: PlannedFault, victim: Member | None) -> None:
        self.done += 1
        self._say(f"{fault}{f' -> {victim}' if victim else ''}")

    async def _hit_database(self, fault: PlannedFault) -> None:
        if fault.kind == "stall":
            with self._cluster.standing_still():
                await trio.sleep(fault.lasting)
            return
        does = {"restart": self._cluster.restart, "crash": self._cluster.crash, "failover": self._cluster.fail_over}
        await trio.to_thread.run_sync(does[fault.kind])

    async def _order(self, fault: PlannedFault) -> None:
        if fault.kind == "handed_over":
            await self.operator.hand_over()
            return
        async with self._pausing:
            await self.operator.pause_for(fault.lasting)

    async def _hit_bot_api(self, fault: PlannedFault) -> None:
        fleet = self._cast.fleet
        if fault.kind == "duplicates":
            fleet.sandbox.sender.lose_answers(DUPLICATES)
        elif fault.kind == "unseen":
            fleet.sandbox.telegram.rules.change(unseen_for=UNSEEN_FOR)
            await trio.sleep(fault.lasting)
            fleet.sandbox.telegram.rules.change(unseen_for=0)
        else:
            with fleet.call_faults.in_force({fault.kind: SHARE.get(fault.kind, USUAL_SHARE)}):
                await trio.sleep(fault.lasting)


_STATES = (Target.ACTIVE, Target.PASSIVE)


async def _kill(cast: Cast, victim: Member, lasting: float) -> None:
    cast.end(victim, signal.SIGKILL)


async def _drain(cast: Cast, victim: Member, lasting: float) -> None:
    cast.end(victim, signal.SIGTERM)


async def _stop(cast: Cast, victim: Member, lasting: float) -> None:
    victim.service.send_signal(signal.SIGSTOP)
    await trio.sleep(lasting)
    if victim.service.running:
        victim.service.send_signal(signal.SIGCONT)


async def _cut_database(cast: Cast, victim: Member, lasting: float) -> None:
    for link in victim.database:
        link.drop()


async def _stall_database(cast: Cast, victim: Member, lasting: float) -> None:
    for link in victim.database:
        link.stall()
    await trio.sleep(lasting)
    for link in victim.database:
        link.heal()


async def _cut_telegram(cast: Cast, victim: Member, lasting: float) -> None:
    victim.bot_api.cut()


async def _stall_telegram(cast: Cast, victim: Member, lasting: float) -> None:
    victim.bot_api.stall()
    await trio.sleep(lasting)
    victim.bot_api.heal()


async def _refuse_telegram(cast: Cast, victim: Member, lasting: float) -> None:
    victim.bot_api.refuse()
    await trio.sleep(lasting)
    victim.bot_api.heal()


def _step_clock(seconds: int) -> Callable[[Cast, Member, float], Awaitable[None]]:
    async def step(cast: Cast, victim: Member, lasting: float) -> None:
        assert victim.clock is not None
        victim.service.clock_offsets.append(seconds)
        with victim.clock.off_by(seconds):
            await trio.sleep(lasting)

    return step


_HITS: dict[str, Callable[[Cast, Member, float], Awaitable[None]]] = {
    "kill": _kill,
    "drain": _drain,
    "stop": _stop,
    "database_cut": _cut_database,
    "database_link_stalled": _stall_database,
    "telegram_cut": _cut_telegram,
    "telegram_link_stalled": _stall_telegram,
    "no_telegram": _refuse_telegram,
    "clock_ahead": _step_clock(CLOCK_STEP),
    "clock_behind": _step_clock(-CLOCK_STEP),
}


def possible_kinds(*, clocks: bool) -> Collection[str]:
    """The kinds of fault that can be made here: with or without `clocks` that can be set."""
    return [name for name in KINDS if clocks or not name.startswith("clock_")]
