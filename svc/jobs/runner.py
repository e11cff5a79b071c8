"""The chore that works on jobs: it finds what is due, and does the next step of each.

Every step is fenced by the term and may be cut off at any moment, as a job whose step was not finished is due again a
few seconds later. Only a create is seen through: it runs in a scope of the lease of its own, beside the chore, and its
answer is heard and recorded even if the lease ends meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from providers.provider import Provider
from statemachine import ActiveEvent
from svc.delivery.active_period import ActivePeriod
from svc.delivery.database_away import or_later
from svc.delivery.handler_watchdog import HandlerWatchdog
from svc.handler.bot import Bot
from svc.handler.job import Job
from svc.handler.known import Known
from svc.jobs.following import Following
from svc.jobs.handing_in import HandingIn
from svc.jobs.inputs import has_files
from svc.jobs.metered_provider import MeteredProvider
from svc.jobs.next_step import Ask, HandIn, LookLater, Verify, next_step
from svc.jobs.outcomes import Outcomes
from svc.jobs.progress import Progress
from svc.jobs.results import ResultServers
from svc.keep_up import keep_up
from svc.storage.inbox import ChatState
from svc.storage.jobs import DueJob, Failed, Jobs, Unknown
from svc.waiting import first_of

log = structlog.get_logger()

# After a takeover the menus come first. Opening connections alone takes the processor for a moment.
JOBS_AFTER = 0.3
LOOK_EVERY = 0.3
AT_ONCE = 16
# Of these, at most so many carry files to the provider or wait for the answer to a create, and of those so many have
# files.
HANDING_IN_AT_ONCE = 8
WITH_FILES_AT_ONCE = 5

Providers = Mapping[str, Provider]
"""By the name that a JobRequest gives."""

OpenProviders = Callable[[], AbstractAsyncContextManager[Providers]]
OpenResults = Callable[[], AbstractAsyncContextManager[ResultServers]]


@dataclass(frozen=True)
class JobParts:
    """What the work on jobs is put together from.

    `open_providers` and `open_results` open connections for one period. `known` makes what the bot is told from the
    state of a chat. Without a `public_url` there are no callbacks.
    """

    bot: Bot
    jobs: Jobs
    open_providers: OpenProviders
    open_results: OpenResults
    known: Callable[[ChatState], Known]
    watchdog: HandlerWatchdog
    public_url: str | None


@asynccontextmanager
async def no_providers() -> AsyncIterator[Providers]:
    """Nothing can be created."""
    yield {}


async def work_on_jobs(active: ActiveEvent[ActivePeriod], parts: JobParts) -> None:
    """Stand at the ACTIVE event and work on the jobs of every period, until cancelled.

    A period's last answers may be awaited while the next has begun. After a takeover the menus come first.
    """
    async with trio.open_nursery() as periods:
        period: ActivePeriod | None = None
        while True:
            period = await active.wait(after=period)
            await trio.sleep(JOBS_AFTER)
            periods.start_soon(keep_up, "JOBS", partial(_work_in, period, parts), period.rng)
            await period.lease.ended()


async def _work_in(period: ActivePeriod, parts: JobParts) -> None:
    """Work on jobs for as long as the period's lease lasts and is wanted, and hear the last creates' answers."""
    if period.lease.over or period.lease.unwanted_for is not None:
        return
    async with (
        parts.open_providers() as providers,
        parts.open_results() as results,
        trio.open_nursery() as creates,
    ):
        calls = period.metrics.providers
        metered = {name: MeteredProvider(name, provider, calls) for name, provider in providers.items()}
        with period.lease.scope():
            await first_of(JobRunner(period, parts, metered, results, creates).run, period.lease.unwanted)


class JobRunner:
    """The jobs of one period. `creates` is a nursery outside of the chore's own scope of the lease."""

    def __init__(
        self,
        period: ActivePeriod,
        parts: JobParts,
        providers: Providers,
        results: ResultServers,
        creates: trio.Nursery,
    ) -> None:
        self._period = period
        self._jobs = parts.jobs
        self._providers = providers
        self._creates = creates
        self._progress = Progress(period, parts.bot, parts.jobs, parts.known, parts.watchdog)
        self._outcomes = Outcomes(period, parts.jobs, self._progress)
        self._handing_in = HandingIn(self._outcomes, providers, public_url=parts.public_url)
        self._following = Following(self._outcomes, providers, results)
        self._began = trio.current_time()
        self._at_work: dict[int, DueJob] = {}

    async def run(self) -> None:
        """Do what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_up, "PROGRESS", self._progress.run, self._period.rng)
            while True:
                for due in await self._claim():
                    self._start(nursery, self._with_last_look(due))
                await trio.sleep(LOOK_EVERY)

    async def _claim(self) -> list[DueJob]:
        room = AT_ONCE - len(self._at_work)
        if room <= 0:
            return []
        due = partial(
            self._jobs.due_jobs, self._period.term, self._handing_in.tokens, room, without=tuple(self._at_work)
        )
        return await or_later(due) or []

    def _with_last_look(self, due: DueJob) -> DueJob:
        """A job is overdue for as long as this term at most: what nobody looked at meanwhile has its last looks."""
        return due._replace(left=max(due.left, self._began - trio.current_time()))

    def _start(self, nursery: trio.Nursery, due: DueJob) -> None:
        if due.job.state == "wanted" and not self._may_hand_in(due.job):
            return  # it is due again in a moment
        self._at_work[due.job.job_id] = due
        nursery.start_soon(self._guarded, self._step, due)

    def _may_hand_in(self, job: Job) -> bool:
        """Whether there is a place for it. Jobs with files do not take all: those may take minutes."""
        wanted = [each.job for each in self._at_work.values() if each.job.state == "wanted"]
        with_files = sum(has_files(each.input) for each in wanted)
        return len(wanted) < HANDING_IN_AT_ONCE and (with_files < WITH_FILES_AT_ONCE or not has_files(job.input))

    async def _guarded(self, step: Callable[[DueJob], Awaitable[bool]], due: DueJob) -> None:
        """Do a step. What fails in it is this job's own affair: it comes again, until its deadline.

        A step returns whether another one goes on with the job.
        """
        goes_on = False
        try:
            goes_on = await or_later(partial(step, due)) or False
        except Exception:
            log.exception("CHORE_FAILED", chore="JOBS", job_id=due.job.job_id)
            if due.left <= 0 and step != self._give_up:
                await self._guarded(self._give_up, due)
        finally:
            if not goes_on:
                self._at_work.pop(due.job.job_id, None)

    async def _step(self, due: DueJob) -> bool:
        match next_step(due, self._providers):
            case HandIn():
                token = await self._handing_in.token_for(due)
                if token is not None:
                    self._creates.start_soon(self._guarded, partial(self._create, token), due)
                return token is not None
            case Ask(task_id):
                await self._following.ask(due, task_id)
            case Verify(task_id):
                await self._following.verify(due, task_id)
            case LookLater() as later:
                await self._outcomes.look_later(due, later)
            case ending:
                await self._outcomes.end(due, ending)
        return False

    async def _create(self, token: int, due: DueJob) -> bool:
        await self._handing_in.create(token, due)
        return False

    async def _give_up(self, due: DueJob) -> bool:
        ending = Unknown("it could not be looked at") if due.job.state == "submitting" else Failed("too_slow")
        await self._outcomes.end(due, ending)
        return False
