"""One run: the members start and lead, one is deployed anew, one is killed; figures on the way, and the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import trio

from fleet.interrupt import until_interrupted
from fleet.many_bots.beat_cost import BeatCost, beat_cost
from fleet.many_bots.member import POOL, Share
from fleet.many_bots.members import Member, Members, running_members
from fleet.many_bots.meter import Meter, Reading, private_bytes, resident_bytes
from fleet.many_bots.notice_cost import LISTENERS, NoticeCost, notice_cost
from fleet.many_bots.placement import shares
from fleet.many_bots.update_cost import UpdateCost, update_cost
from fleet.many_bots.verdict import gaps, two_at_once, waits, without_leader
from fleet.promises import rows
from sandbox.postgres import EmbeddedPostgres, temporary_postgres
from svc.storage.database import asyncio_loop, open_database
from svc.storage.migrate import migrate
from svc.waiting import Wakeup

STEP_DEADLINE = 240.0
"""Seconds within which all leads must be taken, or all sessions opened. An idle machine takes a part of it."""
UPDATES = 160
# So many updates at any time; whether by day.
CASES = ((1, False), (16, False), (1, True), (16, True))
SAMPLE = 50
SPARE_SESSIONS = 40
EPOCHS = "SELECT bot_id, epoch FROM leadership"
LOCKS = """
SELECT ((classid::bigint << 32) | objid::bigint) & ((1::bigint << 52) - 1), count(*)
FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY 1
"""
LOCK_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'svc lock'"

NOTHING_USED = Reading(1.0, 0.0, 0.0, Counter(), 0)
NO_BEATS = BeatCost(0.0, 0.0)
NO_COST = NoticeCost(0.0, 0.0)

Say = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """What is run: so many bots over so many members, `each` of which is a candidate for its share of them.

    Every interval is `slower` times as long as by default. Figures are taken over `seconds`. After a member was lost
    every bot must be led again within `limit` seconds.
    """

    bots: int
    members: int
    each: int
    slower: float
    seconds: float
    limit: float

    @property
    def bot_ids(self) -> range:
        """The ids of the bots: what `shares` counts from 0, with 1 added."""
        return range(1, self.bots + 1)


@dataclass
class Outcome:
    """What came of it. Times are seconds."""

    plan: Plan
    updates: list[UpdateCost] = field(default_factory=list)
    started_in: float = 0.0
    leads: list[int] = field(default_factory=list)
    sessions: int = 0
    session_bytes: float = 0.0
    member_bytes: float = 0.0
    usual: Reading = NOTHING_USED
    notice: NoticeCost = NO_COST
    notice_elsewhere: NoticeCost = NO_COST
    beats_alone: BeatCost = NO_BEATS
    beats: BeatCost = NO_BEATS
    handed_over: list[float] = field(default_factory=list)
    handover_took: float = 0.0
    lost: int = 0
    waits: list[float] = field(default_factory=list)
    two_at_once: int = 0
    without: list[int] = field(default_factory=list)
    wrong_locks: int = 0
    failed: list[str] = field(default_factory=list)

    def breaches(self) -> list[str]:
        """What was promised and not kept, a sentence each."""
        counted = {
            "times a bot had two leaders": self.two_at_once,
            "bots have no leader in the end, or not that of the latest term": len(self.without),
            "bots whose lock one session does not hold": self.wrong_locks,
            "bots were not taken over": self.lost - len(self.waits),
            f"bots waited longer than {self.plan.limit:g} s for a new leader": sum(
                wait > self.plan.limit for wait in self.waits
            ),
        }
        return [*(f"{count} {words}" for words, count in counted.items() if count), *self.failed]


def run(plan: Plan, say: Say) -> Outcome | None:
    """Run it; `say` is told each step. None if SIGINT or SIGTERM came; then nothing is left either.

    Raises PostgresFailed, or trio.TooSlowError if a step takes too long.
    """
    sessions = max(plan.bots * plan.each, LISTENERS) + (plan.members + 1) * POOL + SPARE_SESSIONS
    with temporary_postgres({"max_connections": str(sessions)}) as server:
        return trio.run(until_interrupted, partial(_run, plan, server, say))


async def _run(plan: Plan, server: EmbeddedPostgres, say: Say) -> Outcome:
    outcome, heard = Outcome(plan), Wakeup()
    async with asyncio_loop():
        say(f"what {UPDATES} updates cost")
        outcome.updates = [await update_cost(server, UPDATES, *case) for case in CASES]
        async with open_database(server.url, size=1) as database:
            await migrate(database)
        say("what a notification costs")
        outcome.notice = await notice_cost(server, server.url, server.url)
        outcome.beats_alone = await beat_cost(server.url)
        outcome.notice_elsewhere = await notice_cost(server, server.url_of("template1"), server.url)
        async with running_members(heard) as members:
            fleet = _Fleet(plan, server, members, heard, say)
            await fleet.start(outcome)
            await fleet.measure(outcome)
            await fleet.deploy_one(outcome)
            await fleet.lose_one(outcome)
            await fleet.judge(outcome)
    return outcome


class _Fleet:
    """The steps of a run."""

    def __init__(self, plan: Plan, server: EmbeddedPostgres, members: Members, heard: Wakeup, say: Say) -> None:
        self._plan = plan
        self._server = server
        self._members = members
        self._heard = heard
        self._say = say
        self._meter = Meter(server, members)
        self._shares = [
            ([bot + 1 for bot in leads], [bot + 1 for bot in stands_by])
            for leads, stands_by in shares(plan.bots, plan.members, plan.each)
        ]

    async def start(self, outcome: Outcome) -> None:
        """All members start, each with its own leads; then each stands by for others'."""
        plan = self._plan
        self._say(f"{plan.members} members take the lead of {plan.bots} bots")
        began = time.monotonic()
        for number, (leads, _) in enumerate(self._shares):
            await self._start(f"member {number}", leads, self._shares[number][1])
        await self._until(self._all_led)
        outcome.started_in = time.monotonic() - began
        self._say("all of them stand by for the others'")
        for member in self._members.all:
            await member.stand_by()
        await self._until(lambda: self._sessions() >= plan.bots * plan.each)
        outcome.leads = [len(member.leading) for member in self._members.all]

    async def measure(self, outcome: Outcome) -> None:
        """What all of it costs while nothing happens."""
        self._say(f"nothing happens for {self._plan.seconds:g} s")
        before = await self._meter.read()
        await trio.sleep(self._plan.seconds)
        outcome.usual = (await self._meter.read()).since(before)
        outcome.beats = await beat_cost(self._server.url)
        pids = [pid for (pid,) in await rows(self._server.url, LOCK_SESSIONS)]
        outcome.sessions = len(pids)
        outcome.session_bytes = private_bytes(pids[:SAMPLE])
        resident = [resident_bytes(member.process.pid) for member in self._members.running]
        outcome.member_bytes = sum(resident) / len(resident)

    async def deploy_one(self, outcome: Outcome) -> None:
        """One member hands over in order, and is replaced by one that stands by for all that it stood for."""
        if self._plan.each == 1:
            return
        leaving, bots = self._members.all[1], sorted(self._members.all[1].leading)
        self._say(f"{leaving.share.name} is told to end, and hands over {len(bots)} bots")
        told = await leaving.drain()
        await self._until(self._all_led)
        await self._until(leaving.gone.is_set)
        outcome.handed_over = gaps(self._members.spans, bots)
        outcome.handover_took = max(waits(self._members.spans, told, bots).values(), default=0.0)
        replacement = await self._start("its replacement", [], leaving.share.leads + leaving.share.stands_by)
        await replacement.stand_by()
        await self._until(lambda: replacement.sessions >= len(replacement.share.stands_by))

    async def lose_one(self, outcome: Outcome) -> None:
        """One member is killed."""
        victim = self._members.all[0]
        self._say(f"{victim.share.name} is killed, which leads {len(victim.leading)} bots")
        killed_at = victim.kill()
        await self._until(victim.gone.is_set)
        lost = victim.lost(killed_at)
        outcome.lost = len(lost)
        if self._plan.each > 1:
            await self._until(self._all_led)
        outcome.waits = sorted(waits(self._members.spans, killed_at, lost).values())

    async def judge(self, outcome: Outcome) -> None:
        """Whether everything is as it must be."""
        epochs = dict(await rows(self._server.url, EPOCHS))
        locks = dict(await rows(self._server.url, LOCKS))
        outcome.two_at_once = len(two_at_once(self._members.spans))
        outcome.without = without_leader(self._members.spans, self._plan.bot_ids, epochs)
        outcome.wrong_locks = sum(locks.get(bot) != 1 for bot in self._plan.bot_ids)
        outcome.failed = self._members.failed

    async def _start(self, name: str, leads: list[int], stands_by: list[int]) -> Member:
        return await self._members.start(Share(name, self._server.url, leads, stands_by, self._plan.slower))

    def _all_led(self) -> bool:
        return len({span.bot for span in self._members.spans if span.end is None}) == self._plan.bots

    def _sessions(self) -> int:
        return sum(member.sessions for member in self._members.all)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Return once that is so; it is looked at whenever a member has said something, or has ended."""
        with trio.fail_after(STEP_DEADLINE):
            while not condition():
                if self._members.failed:
                    raise OSError("; ".join(self._members.failed))
                await self._heard.wait()
