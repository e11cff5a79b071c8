"""The chore that works on jobs: it finds what is due, and does the next step of each.

Every step is fenced by the term and may be cut off at any moment, as a job whose step was not finished is due again a
few seconds later. Only a create is seen through: it runs in a scope of the lease of its own, beside the chore, and its
answer is heard and recorded even if the lease ends meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import trio

from providers.provider import InDoubt, NotSent, Provider, ProviderError, Refused, Task
from statemachine import ActiveEvent
from svc.callback_url import callback_url
from svc.delivery.active_period import ActivePeriod
from svc.delivery.database_away import or_later
from svc.delivery.keep_up import keep_up
from svc.handler.bot import Bot
from svc.handler.job import ResultFile
from svc.handler.known import Known
from svc.jobs.creating import Create
from svc.jobs.inputs import has_files, with_addresses
from svc.jobs.next_step import (
    Ask,
    FetchResults,
    HandIn,
    Identify,
    LookLater,
    Verify,
    after_asking,
    after_no_result,
    after_not_creating,
    after_verifying,
    later_or_over,
    next_step,
)
from svc.jobs.pace import Pace
from svc.jobs.progress import Progress
from svc.jobs.results import CannotLook, NotThere, ResultServers, result_file
from svc.observability.errors import describe
from svc.storage.inbox import ChatState
from svc.storage.jobs import (
    Cancelled,
    Created,
    DueJob,
    Failed,
    JobEnding,
    Jobs,
    PutOff,
    Ready,
    Unknown,
    ended_id,
)
from telegram_client import errors as telegram_errors
from telegram_client.files import Files
from telegram_client.sender import Sender

log = structlog.get_logger()

LOOK_EVERY = 0.3
AT_ONCE = 16
CREATING_AT_ONCE = 8
# All of a job's files, from Telegram to the provider.
INPUTS_DEADLINE = 300.0
INPUTS_AGAIN_AFTER = 5.0
# Inputs that were handed over and whose job is not created yet.
INPUTS_KEPT = 1000

Providers = Mapping[str, Provider]


@dataclass(frozen=True)
class JobParts:
    """What the work on jobs is put together from.

    `open_providers` and `open_results` open connections for one period. `known` makes what the bot is told from the
    state of a chat, `files_of` what reads people's files with the period's sender. Without a `public_url` there are no
    callbacks.
    """

    bot: Bot
    jobs: Jobs
    open_providers: Callable[[], AbstractAsyncContextManager[Providers]]
    open_results: Callable[[], AbstractAsyncContextManager[ResultServers]]
    known: Callable[[ChatState], Known]
    files_of: Callable[[Sender], Files]
    public_url: str | None


async def work_on_jobs(active: ActiveEvent[ActivePeriod], parts: JobParts) -> None:
    """Stand at the ACTIVE event and work on the jobs of every period, until cancelled.

    A period's last answers may be awaited while the next has begun.
    """
    async with trio.open_nursery() as periods:
        period: ActivePeriod | None = None
        while True:
            period = await active.wait(after=period)
            periods.start_soon(keep_up, "JOBS", partial(_work_in, period, parts), period.rng)


async def _work_in(period: ActivePeriod, parts: JobParts) -> None:
    """Work on jobs for as long as the period's lease lasts, and hear the last creates' answers."""
    async with (
        parts.open_providers() as providers,
        parts.open_results() as results,
        trio.open_nursery() as creates,
    ):
        with period.lease.scope():
            await JobRunner(period, parts, providers, results, creates).run()


class JobRunner:
    """The jobs of one period. `creates` is a nursery that is not in the chore's own scope of the lease."""

    def __init__(
        self,
        period: ActivePeriod,
        parts: JobParts,
        providers: Providers,
        results: ResultServers,
        creates: trio.Nursery,
    ) -> None:
        self._period = period
        self._parts = parts
        self._jobs = parts.jobs
        self._providers = providers
        self._results = results
        self._creates = creates
        self._files = parts.files_of(period.sender)
        self._progress = Progress(period, parts.bot, parts.jobs, parts.known)
        self._began = trio.current_time()
        self._pace = Pace(self._began)
        self._turn = trio.Lock()
        self._log = log.bind(epoch=period.term.epoch)
        self._at_work: set[int] = set()
        self._creating: set[int] = set()
        self._tokens: set[int] = set()
        self._given: dict[int, Mapping[str, Any]] = {}
        self._made_at: dict[int, float] = {}

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
        due = partial(self._jobs.due_jobs, self._period.term, self._tokens, room, without=self._at_work)
        return await or_later(due) or []

    def _with_last_look(self, due: DueJob) -> DueJob:
        """A job is overdue for as long as this term at most: what nobody looked at meanwhile has its last looks."""
        return due._replace(left=max(due.left, self._began - trio.current_time()))

    def _start(self, nursery: trio.Nursery, due: DueJob) -> None:
        job_id = due.job.job_id
        if due.job.state == "wanted":
            if len(self._creating) >= CREATING_AT_ONCE:
                return  # it is due again in a moment
            self._creating.add(job_id)
        self._at_work.add(job_id)
        nursery.start_soon(self._guarded, self._step, due)

    async def _guarded(self, step: Callable[[DueJob], Awaitable[bool]], due: DueJob) -> None:
        """Do a step. What fails in it is this job's own affair: it comes again, until its deadline.

        A step returns whether another one goes on with the job.
        """
        goes_on = False
        try:
            goes_on = await or_later(partial(step, due)) or False
        except Exception:
            self._log.exception("CHORE_FAILED", chore="JOBS", job_id=due.job.job_id)
            if due.left <= 0 and step != self._give_up:
                await self._guarded(self._give_up, due)
        finally:
            if not goes_on:
                self._at_work.discard(due.job.job_id)
                self._creating.discard(due.job.job_id)

    async def _give_up(self, due: DueJob) -> bool:
        await self._end(due, Unknown() if due.job.state == "submitting" else Failed("too_slow"))
        return False

    async def _step(self, due: DueJob) -> bool:
        match next_step(due, self._providers):
            case HandIn():
                return await self._prepare(due)
            case Ask(task_id):
                await self._ask(due, task_id)
            case Verify(task_id):
                await self._verify(due, task_id)
            case LookLater() as later:
                await self._look_later(due, later)
            case ending:
                await self._end(due, ending)
        return False

    async def _prepare(self, due: DueJob) -> bool:
        """All that comes before the create and may be repeated: its files, and its turn."""
        job_id = due.job.job_id
        if job_id not in self._given and not await self._hand_over_files(due):
            return False
        async with self._turn:
            # Those that leave just now are counted twice, perhaps, and never left out.
            running = await self._jobs.running() + len(self._tokens)
            wait = self._pace.wait_for(job_id, running, trio.current_time())
            if not wait:
                token = self._period.rng.getrandbits(63)
                self._tokens.add(token)
                self._creates.start_soon(self._guarded, partial(self._hand_in, token), due)
                return True
        await self._look_later(due, LookLater(max(0.1, min(wait, due.left))))
        return False

    async def _hand_over_files(self, due: DueJob) -> bool:
        """Whether the job's inputs are such as the provider takes; if not, it comes again later or is over."""
        job = due.job
        if not has_files(job.input):
            self._keep_given(job.job_id, job.input)
            return True
        try:
            with trio.move_on_after(min(INPUTS_DEADLINE, due.left)):
                given = await with_addresses(job.input, self._files, self._providers[job.provider])
                self._keep_given(job.job_id, given)
                return True
            error: Exception = TimeoutError("its files took too long")
        except telegram_errors.Refused as refused:
            await self._end(due, Failed("input", refused.description))
            return False
        except Refused as refused:
            after = after_not_creating(due, refused, self._period.rng)
            if isinstance(after, Failed):
                await self._end(due, after)
                return False
            error = refused
        except (telegram_errors.TelegramError, ProviderError) as failed:
            error = failed
        self._say("JOB_PUT_OFF", due, error=describe(error))
        await self._look_later(due, LookLater(INPUTS_AGAIN_AFTER))
        return False

    def _keep_given(self, job_id: int, given: Mapping[str, Any]) -> None:
        self._given[job_id] = given
        while len(self._given) > INPUTS_KEPT:
            del self._given[next(iter(self._given))]

    async def _hand_in(self, token: int, due: DueJob) -> bool:
        """The create, in a scope of the lease of its own: so its answer can be heard after the lease's end."""
        try:
            with self._period.lease.scope():
                await self._create(due, token)
        finally:
            self._tokens.discard(token)
        return False

    async def _create(self, due: DueJob, token: int) -> None:
        job = due.job
        given = self._given.pop(job.job_id, job.input)
        create = Create(self._jobs, self._period.term, self._period.lease, due, token)
        address = self._parts.public_url
        url = callback_url(address, job.provider, job.job_id, due.secret) if address is not None else None
        match await create.run(self._providers[job.provider], given, url):
            case Created(task_id):
                self._say("JOB_CREATED", due, task_id=task_id)
            case InDoubt() as error:
                self._say("JOB_IN_DOUBT", due, error=describe(error))
            case Refused() | NotSent() as error:
                self._keep_given(job.job_id, given)
                await self._not_created(due, create, error)

    async def _not_created(self, due: DueJob, create: Create, error: Refused | NotSent) -> None:
        """Record it first: should the job's end not be written, the next leader tries it anew."""
        after = after_not_creating(due, error, self._period.rng)
        if isinstance(after, PutOff):
            await create.put_off(after)
            self._say("JOB_PUT_OFF", due, error=describe(error), delay=round(after.delay, 1))
            return
        if after.error == "not_set_up":
            self._log.error("PROVIDER_REFUSED", provider=due.job.provider, error=describe(error))
        await create.put_off(PutOff(0.0, describe(error)))
        await self._end(due, after)

    async def _ask(self, due: DueJob, task_id: str) -> None:
        answer = await self._task(due, task_id)
        after = later_or_over(due) if isinstance(answer, ProviderError) else after_asking(due, answer)
        match after:
            case LookLater():
                await self._look_later(due, after)
            case FetchResults(urls):
                await self._progress.stop(due.job.job_id)
                await self._fetch(due, urls)
            case _:
                await self._end(due, after)

    async def _verify(self, due: DueJob, task_id: str) -> None:
        answer = await self._task(due, task_id)
        after = later_or_over(due) if isinstance(answer, ProviderError) else after_verifying(due, answer)
        match after:
            case LookLater():
                await self._look_later(due, after)
            case Identify():
                if await self._jobs.identify(self._period.term, due.job.job_id, task_id):
                    self._say("JOB_IDENTIFIED", due, task_id=task_id)
            case _:
                await self._end(due, after)

    async def _task(self, due: DueJob, task_id: str) -> Task | ProviderError | None:
        """How the task goes, or why that cannot be told now."""
        try:
            return await self._providers[due.job.provider].task(task_id)
        except ProviderError as error:
            if isinstance(error, Refused) and error.kind == "unauthorized":
                self._log.error("PROVIDER_REFUSED", provider=due.job.provider, error=describe(error))
            else:
                self._log.debug("JOB_LATER", job_id=due.job.job_id, error=describe(error))
            return error

    async def _look_later(self, due: DueJob, later: LookLater) -> None:
        await self._jobs.note_look(self._period.term, due.job.job_id, later.delay, later.progress)

    async def _fetch(self, due: DueJob, urls: tuple[str, ...]) -> None:
        """It is made: end the job, if all that it has made is there."""
        job_id, now = due.job.job_id, trio.current_time()
        made_at = self._made_at.setdefault(job_id, now)
        try:
            results = [await self._look_at(due, url, number) for number, url in enumerate(urls, 1)]
        except (NotThere, CannotLook, ProviderError) as error:
            self._log.debug("JOB_LATER", job_id=job_id, error=describe(error))
            after = after_no_result(due, now - made_at)
            if isinstance(after, LookLater):
                await self._look_later(due, after)
            else:
                await self._end(due, after)
        else:
            await self._end(due, Ready(tuple(results)))

    async def _look_at(self, due: DueJob, url: str, number: int) -> ResultFile:
        """The file at `url`, or at the fresh address that the provider gives for it."""
        try:
            return result_file(url, await self._results.head(url), number)
        except NotThere:
            url = await self._providers[due.job.provider].fresh_url(url)
            return result_file(url, await self._results.head(url), number)

    async def _end(self, due: DueJob, ending: JobEnding) -> None:
        """End the job, and have its person told at once."""
        job_id = due.job.job_id
        await self._progress.stop(job_id)
        if not await self._jobs.end_job(self._period.term, job_id, ending):
            return
        self._period.queue.news.tell([ended_id(job_id)])
        self._given.pop(job_id, None)
        self._made_at.pop(job_id, None)
        self._say_ending(due, ending)

    def _say_ending(self, due: DueJob, ending: JobEnding) -> None:
        metrics = self._period.metrics
        match ending:
            case Ready(results):
                self._say("JOB_READY", due, files=len(results), seconds=round(due.age, 1))
            case Failed(error, text):
                metrics.count_job("failed", error)
                self._say("JOB_FAILED", due, reason=error, error=text)
            case Unknown(text) | Cancelled(text):
                metrics.count_job("unknown", "lost")
                self._log.warning("JOB_UNKNOWN", **_ids(due), error=text)

    def _say(self, event: str, due: DueJob, **fields: Any) -> None:
        self._log.info(event, **_ids(due), **fields)


def _ids(due: DueJob) -> dict[str, Any]:
    return {"job_id": due.job.job_id, "chat_id": due.job.chat_id, "model": due.job.model}
