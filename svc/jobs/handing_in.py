"""Handing a job in: its files first, then its turn, both as often as it takes; then the create, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from providers.provider import InDoubt, NotSent, Provider, ProviderError, Refused
from svc.callback_url import callback_url
from svc.delivery.refusals import may_be_the_bots
from svc.jobs.creating import Create
from svc.jobs.inputs import has_files, with_addresses
from svc.jobs.next_step import LookLater, after_not_creating
from svc.jobs.outcomes import Outcomes, ids_of
from svc.jobs.pace import Pace
from svc.observability.errors import describe
from svc.storage.jobs import Created, DueJob, Failed, PutOff
from telegram_client import errors as telegram_errors

# All of a job's files, from Telegram to the provider.
INPUTS_DEADLINE = 300.0
INPUTS_AGAIN_AFTER = 5.0
# Inputs whose files were handed over and whose jobs are not created yet.
INPUTS_KEPT = 1000
SHORTEST_WAIT = 0.1


class HandingIn:
    """What one period hands in.

    `tokens` are the creates that are being made. Without a `public_url` nobody is asked to call back.
    """

    def __init__(self, outcomes: Outcomes, providers: Mapping[str, Provider], *, public_url: str | None) -> None:
        self.tokens: set[int] = set()
        self._outcomes = outcomes
        self._log = outcomes.log
        self._period = outcomes.period
        self._jobs = outcomes.jobs
        self._providers = providers
        self._public_url = public_url
        self._pace = Pace(trio.current_time())
        self._turn = trio.Lock()
        self._given: dict[int, Mapping[str, Any]] = {}

    async def token_for(self, due: DueJob) -> int | None:
        """The token of the create that is to be made now; None: not now, or it is over.

        All that is done here may be repeated.
        """
        job_id = due.job.job_id
        if job_id not in self._given and not await self._hand_over_files(due):
            return None
        async with self._turn:
            # Those that leave just now are counted twice, perhaps, and never left out.
            running = await self._jobs.running() + len(self.tokens)
            wait = self._pace.wait_for(job_id, running, trio.current_time())
            if not wait:
                token = self._period.rng.getrandbits(63)
                self.tokens.add(token)
                return token
        await self._outcomes.look_later(due, LookLater(max(SHORTEST_WAIT, min(wait, due.left))))
        return None

    async def create(self, token: int, due: DueJob) -> None:
        """The create. It runs in a scope of the lease of its own: so its answer can be heard after the lease's end."""
        try:
            with self._period.lease.scope():
                await self._create(token, due)
        finally:
            self.tokens.discard(token)

    async def _create(self, token: int, due: DueJob) -> None:
        job = due.job
        given = self._given.pop(job.job_id, job.input)
        create = Create(self._jobs, self._period.term, self._period.lease, due, token)
        url = self._public_url and callback_url(self._public_url, job.provider, job.job_id, due.secret)
        match await create.run(self._providers[job.provider], given, url):
            case Created(task_id):
                self._log.info("JOB_CREATED", **_ids_of_create(due), task_id=task_id)
            case InDoubt() as error:
                self._log.info("JOB_IN_DOUBT", **_ids_of_create(due), error=describe(error))
            case Refused() | NotSent() as error:
                self._keep(job.job_id, given)
                await self._not_created(due, create, error)

    async def _not_created(self, due: DueJob, create: Create, error: Refused | NotSent) -> None:
        """Record that first: should the job's end not be written, the next leader tries it anew."""
        after = after_not_creating(due, error, self._period.rng)
        if isinstance(after, PutOff):
            await create.put_off(after)
            told = {"error": describe(error), "delay": round(after.delay, 1)}
            self._log.info("JOB_PUT_OFF", **_ids_of_create(due), **told)
            return
        if after.error == "not_set_up":
            self._outcomes.say_key_refused(due, error)
        await create.put_off(PutOff(0.0, describe(error)))
        await self._outcomes.end(due, after)

    async def _hand_over_files(self, due: DueJob) -> bool:
        """Whether the job's inputs are such as the provider takes; if not, it comes again later or is over."""
        job = due.job
        if not has_files(job.input):
            self._keep(job.job_id, job.input)
            return True
        try:
            with trio.fail_after(min(INPUTS_DEADLINE, due.left)):
                self._keep(
                    job.job_id, await with_addresses(job.input, self._period.files, self._providers[job.provider])
                )
                return True
        except (telegram_errors.TelegramError, ProviderError, trio.TooSlowError) as error:
            await self._without_files(due, error)
        return False

    async def _without_files(self, due: DueJob, error: Exception) -> None:
        """Its files could not be handed over now, or are not accepted."""
        after: PutOff | Failed | None = None
        if isinstance(error, telegram_errors.Refused) and not may_be_the_bots(error):
            after = Failed("input", error.description)
        elif isinstance(error, Refused):
            after = after_not_creating(due, error, self._period.rng)
        if isinstance(after, Failed):
            await self._outcomes.end(due, after)
            return
        self._log.info("JOB_PUT_OFF", **ids_of(due), error=describe(error), delay=INPUTS_AGAIN_AFTER)
        await self._outcomes.look_later(due, LookLater(INPUTS_AGAIN_AFTER))

    def _keep(self, job_id: int, given: Mapping[str, Any]) -> None:
        self._given[job_id] = given
        while len(self._given) > INPUTS_KEPT:
            del self._given[next(iter(self._given))]


def _ids_of_create(due: DueJob) -> dict[str, Any]:
    # It was read before this create was counted.
    return ids_of(due, "create", call=due.attempts + 1)
