"""One run: instances start, people write, faults come; then calm until everything is settled; then the verdict."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from fleet.call_faults import CallFaults
from fleet.history import stray_calls
from fleet.instances import Fleet, running_fleet
from fleet.interrupt import until_interrupted
from fleet.postgres_pair import PostgresCluster, postgres_cluster
from fleet.process import THIS
from fleet.promises import read_ledger, rows
from fleet.torture.cast import Cast
from fleet.torture.clock import libfaketime
from fleet.torture.in_flight import waits_after_kills
from fleet.torture.inflict import Inflictor, possible_kinds
from fleet.torture.jobs import Asked, JobsVerdict, answers, ask, judge_jobs, told
from fleet.torture.operator import OperatorsWork, sent_while_paused
from fleet.torture.people import Written, sent, write
from fleet.torture.provider import TorturedKie
from fleet.torture.scenes import SCENES, Scene, schedule_of
from fleet.torture.schedule import PlannedFault
from fleet.torture.verdict import Verdict, judge
from fleet.waiting import DEADLINE
from svc.storage.database import asyncio_loop

CALM = 120.0
"""Seconds after the last fault in which everything must be settled. Telegram's own pauses grow to 64 s."""
CALM_FOR_JOBS = 240.0
"""The same where there are jobs: they end within their deadline, and some time for last questions."""
LAST_EFFECTS = 3.0
"""Seconds that are left for what is still being carried out when everything is settled."""
START = 120.0
ENQUIRY = 0.25
PROBE = "editMessageReplyMarkup"
JOBS_UNDER_WAY = "SELECT count(*) FROM jobs WHERE state NOT IN ('delivered', 'failed', 'cancelled', 'unknown')"
HANDED_IN = "SELECT job_id, extract(epoch FROM submitted_at)::float8 FROM jobs WHERE submitted_at IS NOT NULL"
OLDEST = """
SELECT update_id, state, attempts, doubts, looks, absent, last_error, round(extract(epoch FROM available_at - now())) AS
       available_in, look_at::text, history -> -1 AS latest
FROM inbox ORDER BY update_id LIMIT 1
"""


@dataclass(frozen=True)
class Plan:
    """What is run. `settings` are environment variables of every instance, above those of the scene."""

    scene: str
    seconds: float
    seed: int
    instances: int
    rate: float
    broken_rules: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def conditions(self) -> Scene:
        """The scene's own values."""
        return SCENES[self.scene]

    @property
    def schedule(self) -> list[PlannedFault]:
        """The faults that come, as far as they can be made here."""
        kinds = possible_kinds(clocks=libfaketime() is not None)
        return schedule_of(self.scene, self.seed, self.seconds, self.instances, kinds)

    @property
    def calm(self) -> float:
        """Seconds after the last fault in which everything must be settled."""
        return CALM_FOR_JOBS if self.conditions.has_jobs else CALM


@dataclass
class Outcome:
    """The verdict, and what is told besides. `doubts`, their `reasons` and `found` are the service's own words."""

    plan: Plan
    verdict: Verdict
    faults: int
    instances: int
    terms: int
    kills: int
    after_kills: list[float]
    probes: int
    doubts: int
    found: int
    reasons: Counter[str]
    operator: OperatorsWork
    jobs: JobsVerdict | None = None

    def breaches(self, *, strict: bool = False) -> list[str]:
        """What was promised and not kept, a sentence each; with `strict` a recorded doubt excuses nothing."""
        return self.verdict.breaches(strict=strict) + (self.jobs.breaches(strict=strict) if self.jobs else [])


def run(plan: Plan, say: Callable[[str], object]) -> Outcome | None:
    """Run it; `say` is told each fault as it happens. None if SIGINT or SIGTERM came; then nothing is left either.

    Raises PostgresFailed, or trio.TooSlowError if something does not end.
    """
    with_standby = any(fault.kind == "failover" for fault in plan.schedule)
    files = tempfile.TemporaryDirectory(prefix="svc-torture-")
    with files as folder, postgres_cluster(with_standby=with_standby) as cluster:
        return trio.run(until_interrupted, partial(torture, plan, cluster, Path(folder), say))


async def torture(plan: Plan, cluster: PostgresCluster, folder: Path, say: Callable[[str], object]) -> Outcome:
    """The run itself, on a database with nothing in it; `folder` takes small files."""
    schedule = plan.schedule
    settings = {**plan.conditions.settings, **plan.settings}
    with trio.fail_after(START + plan.seconds + plan.calm + DEADLINE):
        async with (
            asyncio_loop(),
            running_fleet(cluster.primary.url, THIS, **settings) as fleet,
            trio.open_nursery() as nursery,
        ):
            _make_telegram(fleet, plan)
            provider = None
            if plan.conditions.has_jobs:
                provider = TorturedKie(fleet, plan.seed)
                fleet.settings |= await nursery.start(provider.run)
            cast = Cast(fleet, nursery, cluster.ports, folder, _library_if_needed(schedule))
            for _ in range(plan.instances):
                await cast.add()
            await cast.members[0].service.active()
            inflictor = Inflictor(cast, cluster, say)
            written, asked = await _chaos(plan, cast, inflictor, provider)
            say("no more faults: calm")
            unsettled = await _calm(plan, fleet, cluster)
            outcome = await _outcome(plan, cast, cluster, written, inflictor)
            if provider is not None:
                outcome.jobs = await _judge_jobs(cast, cluster, provider, asked)
            outcome.verdict.unsettled = unsettled or _forgotten(fleet)
            nursery.cancel_scope.cancel(reason="the run is over")
    return outcome


def _make_telegram(fleet: Fleet, plan: Plan) -> None:
    fleet.latency = plan.conditions.latency
    fleet.call_faults = CallFaults(fleet.sandbox.faults, random.Random(plan.seed))
    if plan.broken_rules:
        fleet.sandbox.telegram.rules.change(**plan.broken_rules)


def _library_if_needed(schedule: list[PlannedFault]) -> Path | None:
    """What makes clocks settable costs each instance a little."""
    return libfaketime() if any(fault.kind.startswith("clock_") for fault in schedule) else None


async def _chaos(
    plan: Plan, cast: Cast, inflictor: Inflictor, provider: TorturedKie | None
) -> tuple[list[Written], list[Asked]]:
    """People write and faults happen, until both are over; what was written, and the pictures that were asked for."""
    written: list[Written] = []
    asked: list[Asked] = []

    async def write_for_a_while() -> None:
        with trio.move_on_after(plan.seconds):
            if provider is None:
                await write(cast.fleet, plan.rate, written)
            else:
                provider.make_trouble()
                await ask(cast.fleet, plan.rate, written, asked)

    with cast.fleet.call_faults.in_force(plan.conditions.shares):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write_for_a_while)
            nursery.start_soon(inflictor.run, plan.schedule)
    if provider is not None:
        provider.calm()
    return written, asked


async def _calm(plan: Plan, fleet: Fleet, cluster: PostgresCluster) -> str:
    """Wait until Telegram has delivered everything and nothing is owed; what is left in the end, if anything."""
    fleet.sandbox.sender.keep_answers()
    pending, owed = fleet.sandbox.telegram.bot().pending, 1
    with trio.move_on_after(plan.calm) as calm:
        while pending or owed:
            await trio.sleep(ENQUIRY)
            # Looked at first: what is delivered later than that may not be counted in the inbox.
            delivered = not pending
            in_inbox = (await rows(cluster.primary.url, "SELECT count(*) FROM inbox"))[0][0]
            under_way = (await rows(cluster.primary.url, JOBS_UNDER_WAY))[0][0]
            owed = in_inbox + under_way or not delivered
    if calm.cancelled_caught:
        oldest = await rows(cluster.primary.url, OLDEST)
        return (
            f"not settled after {plan.calm:.0f} s: {len(pending)} updates not delivered, {owed} in the inbox or jobs "
            f"under way, the oldest "
            f"{list(oldest[0]) if oldest else None}"
        )
    # A message that is carried out late is no call any more that could be waited for.
    await trio.sleep(LAST_EFFECTS)
    return ""


def _forgotten(fleet: Fleet) -> str:
    """What makes a judgement impossible: calls of which Telegram's list has no room any more."""
    calls = fleet.sandbox.telegram.call_log
    return f"Telegram's list of {len(calls):,} calls is full: what came before is not known" if calls.full else ""


async def _judge_jobs(cast: Cast, cluster: PostgresCluster, provider: TorturedKie, asked: list[Asked]) -> JobsVerdict:
    calls = cast.fleet.sandbox.telegram.call_log
    ledger = await read_ledger(cluster.primary.url)
    doubts = {update_id: entry.doubts for update_id, entry in ledger.kept.items() if entry.doubts}
    handed_in = dict(await rows(cluster.primary.url, HANDED_IN))
    kills = [member.killed_at for member in cast.members if member.killed_at is not None]
    excuses = provider.excuses(kills, handed_in)
    return judge_jobs(asked, told(calls), provider.made(), cast.fleet.accepted, doubts, excuses)


async def _outcome(
    plan: Plan, cast: Cast, cluster: PostgresCluster, written: list[Written], inflictor: Inflictor
) -> Outcome:
    calls = cast.fleet.sandbox.telegram.call_log
    ledger = await read_ledger(cluster.primary.url)
    doubts = {update_id: entry.doubts for update_id, entry in ledger.kept.items() if entry.doubts}
    services = [member.service for member in cast.members]
    histories = [service.history() for service in services]
    got = answers(calls) if plan.conditions.has_jobs else sent(calls)
    verdict = judge(written, got, cast.fleet.accepted, doubts)
    verdict.strays = list(stray_calls(histories))
    verdict.paused = list(sent_while_paused(services, inflictor.operator.spans))
    verdict.edits = len(calls.find(PROBE, status=200))
    verdict.ended = cast.ended
    verdict.ids_broken = bool(plan.broken_rules)
    return Outcome(
        plan,
        verdict,
        faults=inflictor.done,
        operator=inflictor.operator,
        instances=len(services),
        terms=sum(len(history.spans) for history in histories),
        kills=sum(member.killed_at is not None for member in cast.members),
        after_kills=waits_after_kills(cast.members, verdict.answered),
        probes=len(calls.find(PROBE)),
        doubts=sum(doubts.values()),
        found=sum(len(service.lines("FOUND")) for service in services),
        reasons=Counter(
            str(line.get("reason") or line.get("error")) for service in services for line in service.lines("IN_DOUBT")
        ),
    )
