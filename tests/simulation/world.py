"""One run of one seed: the world around the instances, and what must hold after every step."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import httpx
import trio
import trio.testing

from sandbox.app import Sandbox
from sandbox.asgi import asgi_post
from sandbox.clock import TrioWallClock
from sandbox.telegram import DEMO_TOKEN
from sandbox.webhooks import PostResult
from statemachine import State
from svc.delivery.active_period import ActivePeriod
from svc.handler.known import Creating
from svc.jobs.results import open_result_servers
from svc.leadership.lease import LeaseTimes
from svc.observability.logs import configure_logging
from svc.observability.metrics import Metrics
from svc.operations.providers import kie_reader
from svc.parts import Parts
from svc.service import Service
from svc.storage.inbox import Term
from tests.harness import SECRET, settings_for_tests
from tests.memory.instances import MemoryInstances
from tests.memory.jobs import MemoryJobs
from tests.memory.lock import MemoryLockServer, MemoryLockSession
from tests.memory.transition_log import MemoryTransitionLog
from tests.simulation.bot import ASIDE, WANTS_JOB, SimulatedBot
from tests.simulation.database import SimulatedDatabase
from tests.simulation.database_link import InboxOverLink, InstancesOverLink
from tests.simulation.doubts import DoubtAudit, Violation
from tests.simulation.incidents import CARRIED_OUT_LATE, INTERRUPTING, Incidents
from tests.simulation.job_laws import check_lane, judge_jobs, unfinished
from tests.simulation.jobs_link import JobsOverLink
from tests.simulation.judgement import Evidence, Message, judge
from tests.simulation.link import Link, LockSessionOverLink, TransportOverLink
from tests.simulation.looks import LookAudit
from tests.simulation.operators import Operators
from tests.simulation.provider import ProviderOverLink, ResultsOverLink, SimulatedProvider
from tests.simulation.schedule import CHAOS, Schedule

# A killed instance's rows wait out the send deadline, a retry up to a minute: then all must be settled.
CALM = 400.0
EPOCH = 1_700_000_000.0
DRAIN_TIMEOUT = 20.0
# What a fault has made late comes within this, and is seen by whoever looks after that.
LATEST = 10.0
STEP_DOWN_AFTER = 4.0
PUBLIC_URL = "https://bot.example"
CHATS = {"group": -7, "supergroup": -1_000_000_000_007}


@dataclass
class SimulatedInstance:
    """One process."""

    number: int
    link: Link
    service: Service
    scope: trio.CancelScope
    lock_sessions: list[LockSessionOverLink] = field(default_factory=list)


class World:
    """Everything around the instances, and the checks of what they do."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.rng = random.Random(schedule.seed + 1)
        self.sandbox = Sandbox(seed=schedule.seed, now=TrioWallClock(EPOCH))
        self.database = SimulatedDatabase()
        self.inbox = self.database.inbox
        self.heartbeats = MemoryInstances(self.inbox)
        self.lock = MemoryLockServer()
        self.inbox.on_notify = self.lock.notify_new_work
        self.doubts = DoubtAudit(self.database)
        self.operators = Operators(self.database, self.lock.notify_orders)
        self.sandbox.telegram.rules.change(ids=schedule.ids, edits=schedule.edits, unseen_for=schedule.unseen_for)
        self.looks = LookAudit(self.database, self.sandbox.telegram, self.doubts, rules_kept=schedule.rules_kept)
        self._incidents = Incidents(self)
        self.instances: list[SimulatedInstance] = []
        self.accepted: set[int] = set()
        self.asked: list[int] = []
        self.asides: set[int] = set()
        self.trace: list[str] = []
        self.over = False
        self._count = 0

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{trio.current_time():9.4f} {text}")

    async def run(self) -> None:
        """Chaos, then calm; raises Violation."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.provider = SimulatedProvider(self.schedule.provider, self.schedule.seed, nursery, self._call_back)
            self.provider.on_create = self.operators.check_create
            for _ in range(self.schedule.instances):
                self.start_instance()
            await nursery.start(self.sandbox.run_sender, self._deliver)
            hook = {"url": "https://bot.example/webhook", "secret_token": SECRET, "max_connections": 10}
            assert self.sandbox.telegram.call(DEMO_TOKEN, "setWebhook", hook).status == 200
            nursery.start_soon(self._chaos)
            nursery.start_soon(self._users)
            nursery.start_soon(self._operators)
            await trio.sleep_until(CHAOS)
            self._calm()
            await self._settle()
            if any(incident.kind in CARRIED_OUT_LATE for incident in self.schedule.incidents):
                await trio.sleep(LATEST)
            self.over = True
            nursery.cancel_scope.cancel(reason="the run is over")
            self._judge()

    def start_instance(self) -> None:
        """A new process comes up."""
        self._count += 1
        link = Link(self.rng)
        instance = SimulatedInstance(self._count, link, self._service(self._count, link), trio.CancelScope())
        self.instances.append(instance)
        self.doubts.started(self._count, link)
        _watch_elections(instance)
        self.note(f"instance {instance.number} starts")
        self._nursery.start_soon(self._live, instance)

    def kill(self, instance: SimulatedInstance) -> None:
        """The process is gone from one moment to the next."""
        instance.link.closed = True
        self.doubts.killed(instance.number)
        self.instances.remove(instance)
        for session in instance.lock_sessions:
            session.session.abandon()  # the kernel closes a dead process's sockets
        instance.scope.cancel(reason="killed")

    async def _live(self, instance: SimulatedInstance) -> None:
        with instance.scope:
            try:
                await instance.service.run()
            except Exception as error:
                raise Violation(f"G8: instance {instance.number} ended by itself") from error
        if instance in self.instances:
            self.instances.remove(instance)
        self.note(f"instance {instance.number} has ended")

    def _service(self, number: int, link: Link) -> Service:
        inbox = InboxOverLink(self.database, link)
        jobs = JobsOverLink(MemoryJobs(self.inbox), self.database, link)

        async def connect(
            on_new_work: Callable[[Sequence[int]], None], on_orders: Callable[[], None]
        ) -> LockSessionOverLink:
            await link.leg("lock")
            session = LockSessionOverLink(await self.lock.connect(on_new_work, on_orders), link)
            instance = self.instance(number)
            assert instance is not None
            instance.lock_sessions.append(session)
            self._nursery.start_soon(session.listen)
            return session

        service = Service(
            Parts(
                settings=settings_for_tests(
                    instance_id=f"i{number}",
                    in_doubt=self.schedule.policy,
                    in_doubt_fallback=self.schedule.fallback,
                    step_down_after=STEP_DOWN_AFTER,
                    workers=self.schedule.workers,
                    drain_timeout=DRAIN_TIMEOUT,
                    public_url=PUBLIC_URL,
                ),
                metrics=Metrics(),
                inbox=inbox,
                instances=InstancesOverLink(self.heartbeats.of(f"i{number}"), self.database, link),
                transition_log=MemoryTransitionLog(),
                jobs=jobs,
                bot=SimulatedBot(),
                prepare=trio.lowlevel.checkpoint,
                writers=partial(_run_both, inbox, jobs),
                connect_lock=connect,
                database_answers=_yes,
                open_transport=lambda: TransportOverLink(
                    self.sandbox.transport(latency=self.schedule.latency),
                    link,
                    Calls(self, number),
                ),
                rng=random.Random(f"{self.schedule.seed}/{number}"),
                now=TrioWallClock(EPOCH),
                creating=Creating(frozenset({"kie"})),
                open_providers=ProviderOverLink(self.provider, link).opened,
                open_results=partial(open_result_servers, lambda: ResultsOverLink(self.provider, link)),
                callback_readers={"kie": kie_reader("")},
            )
        )
        _watch_periods(service, number)
        return service

    async def _users(self) -> None:
        for message in self.schedule.messages:
            await trio.sleep_until(message.at)
            text = WANTS_JOB if message.wants_job else ASIDE if message.needs_nothing else "x"
            self.write(message.user, message.chat_type, text)

    def write(self, user: int, chat_type: str = "private", text: str = "x") -> None:
        """A user writes, in private or where several meet."""
        chat_id = CHATS.get(chat_type)
        update = self.sandbox.telegram.user_sends_text(user, text, chat_type=chat_type, chat_id=chat_id)
        assert update is not None
        if text == WANTS_JOB:
            self.asked.append(update.id)
        if text == ASIDE:
            self.asides.add(update.id)
        self.note(f"user {user} writes update {update.id}: {text}")

    async def _deliver(self, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        reachable = [each for each in self.instances if not each.link.closed]
        if not reachable:
            raise ConnectionRefusedError("nobody listens")
        instance = self.rng.choice(reachable)
        with trio.move_on_after(60):
            await instance.link.leg("telegram")
            result = await asgi_post(instance.service.app)(url, headers, body)
            await instance.link.leg("telegram")
            if result.status == 200:
                self.accepted.add(json.loads(body)["update_id"])
            return result
        raise ConnectionResetError("no answer")

    async def _call_back(self, url: str, body: bytes) -> bool:
        """The provider calls back, at whichever instance the load balancer takes."""
        reachable = [each for each in self.instances if not each.link.closed]
        if not reachable:
            return False
        instance = self.rng.choice(reachable)
        with trio.move_on_after(15):
            await instance.link.leg("provider")
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            try:
                result = await asgi_post(instance.service.app)(url, headers, body)
            except Exception as error:
                raise Violation(f"G8: instance {instance.number} fails at a callback") from error
            await instance.link.leg("provider")
            return result.status == 200
        return False

    def check_sender(self, number: int, update_id: int) -> None:
        """A call of an instance reaches Telegram: it must be the one that leads, within its lease."""
        self.doubts.sent(update_id)
        self.operators.check_send(update_id)
        self.note(f"instance {number} sends update {update_id}")
        check_lane(self.inbox, update_id)
        self.lock.expire()
        holder = self.lock.holder
        instance = self.instance(number)
        sessions = [each.session for each in instance.lock_sessions] if instance else []
        if holder not in sessions and not any(_may_still_send(session) for session in sessions):
            raise Violation(f"G2/G5: instance {number} sends update {update_id} without holding the lock")

    def instance(self, number: int) -> SimulatedInstance | None:
        """The instance of that number, if it lives."""
        return next((each for each in self.instances if each.number == number), None)

    async def _chaos(self) -> None:
        for incident in self.schedule.incidents:
            await trio.sleep_until(incident.at)
            self.note(f"INCIDENT {incident.kind} {incident.who} {incident.lasting} {incident.count}")
            self._incidents.happen(incident)

    async def _operators(self) -> None:
        for order in self.schedule.orders:
            await trio.sleep_until(order.at)
            self.note(f"ORDER {order.kind} {order.lasting}")
            self._nursery.start_soon(self.operators.give, order)

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do this in so many seconds."""

        async def wait() -> None:
            await trio.sleep(seconds)
            action()

        self._nursery.start_soon(wait)

    def _calm(self) -> None:
        self.note("CALM")
        self.operators.calm()
        self.sandbox.faults.clear()
        self.sandbox.sender.keep_answers()
        self.database.calm()
        self.provider.calm()
        if not self.instances:
            self.start_instance()

    async def _settle(self) -> None:
        with trio.move_on_after(CALM):
            while self.inbox.rows or self.sandbox.telegram.bot().pending or unfinished(self.inbox.jobs):
                await trio.sleep(1)
            return
        if jobs := unfinished(self.inbox.jobs):
            raise Violation(f"J4: jobs that have not ended after {CALM:.0f} s of calm: {jobs}")
        raise Violation(f"G4: still owed after {CALM:.0f} s of calm: {sorted(self.inbox.rows)}")

    def _judge(self) -> None:
        started = self.sandbox.telegram.now() - trio.current_time()
        messages = [
            Message(
                int(call.params["text"]),
                int(call.params["chat_id"]),
                call.arrived_at - started,
                call.at - started,
                call.at - started + self.schedule.unseen_for,
            )
            for call in self.sandbox.telegram.call_log.find("sendMessage")
            if call.took_effect
        ]
        judge(
            Evidence(
                self.inbox,
                frozenset(self.accepted),
                messages,
                self.doubts.reasons,
                self.looks.cleared,
                frozenset(self.looks.mistaken),
                frozenset(self.asides),
                self.schedule.rules_kept,
            )
        )
        self.doubts.judge()
        self.looks.judge()
        interrupted = any(incident.kind in INTERRUPTING for incident in self.schedule.incidents)
        judge_jobs(self.inbox, self.provider, self.asked, messages, interrupted=interrupted)


class Calls:
    """The calls of one instance, as they are seen on the way to Telegram. Implements `Observer`."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number

    def arrived(self, request: httpx.Request) -> None:
        method = request.url.path.rpartition("/")[2]
        if method == "sendMessage":
            self._world.check_sender(self._number, _update_of(request))
        elif method.startswith("edit"):
            self._world.operators.check_call(method)

    def unheard(self, request: httpx.Request, waited: float, *, cancelled: bool) -> None:
        if not request.url.path.endswith("/sendMessage"):
            return
        world, update_id = self._world, _update_of(request)
        world.doubts.excuse(update_id)
        instance = world.instance(self._number)
        if cancelled and not world.over and instance is not None and waited < _patience(request, instance):
            raise Violation(f"G7: instance {self._number} throws away the answer to update {update_id}")


def _update_of(request: httpx.Request) -> int:
    return int(json.loads(request.content)["text"])


def _patience(request: httpx.Request, instance: SimulatedInstance) -> float:
    """Seconds that an answer has to be waited for: the call's own deadline, or what is left of a drain."""
    timeout: float = request.extensions["timeout"]["read"]
    drained_for = trio.current_time() - instance.service.lifecycle.drain_began
    return 0.0 if drained_for >= DRAIN_TIMEOUT else timeout - 0.001


def _watch_periods(service: Service, number: int) -> None:
    """Whoever is handed a period must be in ACTIVE at that moment, in the period's own term."""
    lifecycle = service.lifecycle
    wait = lifecycle.active.wait

    async def watched(*, after: ActivePeriod | None = None) -> ActivePeriod:
        period = await wait(after=after)
        if lifecycle.state is not State.ACTIVE or period.term.epoch != lifecycle.epoch:
            raise Violation(
                f"G2: instance {number} hands out the period of term {period.term.epoch} in {lifecycle.state.name}"
            )
        return period

    lifecycle.active.wait = watched  # type: ignore[method-assign]


def _watch_elections(instance: SimulatedInstance) -> None:
    """Whoever has given up the lead for want of a way to the Bot API must have found one before it leads again."""
    service, link = instance.service, instance.link
    take_over = service._terms._election._take_over

    async def watched(holder: UUID, lock_pid: int | None) -> Term:
        since = link.no_way_out_since
        if since is not None and service._standing.candidacy._gave_up_at > since:
            raise Violation(f"G5: instance {instance.number} leads again, and still nothing gets through")
        return await take_over(holder, lock_pid)

    service._terms._election._take_over = watched


def _may_still_send(session: MemoryLockSession) -> bool:
    """Whether a call may leave though the lock has gone: the news is on its way.

    The news of a connection's end takes no time here, but within that instant a call may still leave. And two incidents
    at once, the server ending a session whose holder is cut off from it, leave the holder its lease: it begins
    nothing any more (the fence), but a call of what it had begun may leave. The row is in doubt for its successor.
    """
    lease_left = LeaseTimes(session.server.timeout).length if session.orphaned else 0.0
    return trio.current_time() - session.ended_at <= lease_left


async def _run_both(inbox: InboxOverLink, jobs: JobsOverLink) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        nursery.start_soon(jobs.run)


async def _yes() -> bool:
    await trio.lowlevel.checkpoint()
    return True


def run_seed(schedule: Schedule) -> World:
    """Run one schedule from start to end, the same way every time; raises Violation with the trace in its notes."""
    # Private names of Trio, pinned in pyproject; `test_the_same_seed_gives_the_same_trace` is their canary.
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    trio._core._run._r.seed(schedule.seed)
    out = io.StringIO()
    configure_logging(log_format="console", level="debug", out=out)
    worlds: list[World] = []

    async def main() -> None:
        world = World(schedule)
        worlds.append(world)
        with trio.fail_after(CHAOS + CALM + 60):
            await world.run()
        if "CHORE_FAILED" in out.getvalue():
            raise Violation("G8: a chore failed of what is unforeseen")

    try:
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    except BaseException as error:
        error.add_note(
            f"{schedule}\n"
            + "\n".join(worlds[0].trace[-200:])
            + f"\nre-run: python -m tests.simulation --seed {schedule.seed}"
        )
        raise
    worlds[0].trace += [re.sub(r"^\S+ ", "", line) for line in out.getvalue().splitlines()]
    return worlds[0]
