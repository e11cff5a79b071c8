"""A whole bot whose answer to every text is a job, over a provider in memory: for the tests of svc/jobs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from sandbox.app import Sandbox
from sandbox.asgi import asgi_post
from svc.handler.bot import Bot
from svc.handler.job import ENDED, Job, JobRequest
from svc.handler.known import Creating, Known
from svc.handler.reply import NOTHING, Call, Reply
from svc.jobs.results import open_result_servers
from svc.operations.providers import kie_reader
from svc.storage.inbox import Term
from svc.storage.jobs import Created, DueJob, JobEnding, LiveJob, PutOff
from telegram_client.updates import Update
from tests.fake_provider import Door, FakeFiles, FakeProvider
from tests.harness import RunningBot, running_bot
from tests.memory.inbox import MemoryInbox
from tests.memory.instances import MemoryInstances
from tests.memory.job_rows import JobRow
from tests.memory.jobs import MemoryJobs
from tests.memory.lock import MemoryLockServer

PUBLIC_URL = "https://bot.example"


class JobBot(Bot):
    """Any text asks for a job with that as its prompt, and is answered with a status; a result is one message."""

    def __init__(self, seconds: float = 900.0, given: dict[str, Any] | None = None) -> None:
        self._seconds = seconds
        self._given = given or {}

    def decide(self, update: Update, known: Known) -> Reply:
        if update.message is None or update.message.text is None:
            return NOTHING
        chat_id, text = update.message.chat.id, update.message.text
        request = JobRequest(
            "kie", "some-model", {"prompt": text, **self._given}, user_id=chat_id, seconds=self._seconds
        )
        return Reply((Call("sendMessage", {"chat_id": chat_id, "text": "queued"}),), job=request)

    def progress(self, job: Job, known: Known) -> Sequence[Call]:
        return (self._status(job, f"{job.state} {int((job.progress or 0) * 100)} %"),)

    def finished(self, job: Job, known: Known) -> Reply:
        if job.state != "ready":
            return Reply((self._status(job, f"{job.state}: {job.error}"),))
        result = f"result of {job.job_id}: {job.results[0].url}"
        return Reply((self._status(job, "done"), Call("sendMessage", {"chat_id": job.chat_id, "text": result})))

    @staticmethod
    def _status(job: Job, text: str) -> Call:
        return Call("editMessageText", {"chat_id": job.chat_id, "message_id": job.status_message_id, "text": text})


class JobsWorld:
    """Telegram, a provider, a database and its lock; instances come and go."""

    def __init__(self) -> None:
        self.sandbox = Sandbox()
        self.inbox = MemoryInbox()
        self.jobs = MemoryJobs(self.inbox)
        self.lock = MemoryLockServer()
        self.instances = MemoryInstances(self.inbox)
        self.provider = FakeProvider()
        self.files = FakeFiles()
        self.bot: Bot = JobBot()
        self.is_set_up = True
        """Whether the instances have a key of the provider."""
        self.live: list[RunningBot] = []

    @asynccontextmanager
    async def running(self, **more: Any) -> AsyncIterator[RunningBot]:
        """One instance that leads, and callbacks that reach it."""
        async with self.instance(**more) as bot, self.provider.calling_back(self._post):
            yield bot

    @asynccontextmanager
    async def instance(
        self, *, door: Door | None = None, standby: bool = False, **more: Any
    ) -> AsyncIterator[RunningBot]:
        """One instance, whose calls of the provider and statements about jobs go through `door`."""
        door = door or Door()

        @asynccontextmanager
        async def open_providers() -> AsyncIterator[dict[str, Any]]:
            yield {"kie": self.provider.client(door)} if self.is_set_up else {}

        settings: dict[str, Any] = {"public_url": PUBLIC_URL, **more}
        async with running_bot(
            standby=standby,
            bot=self.bot,
            sandbox=self.sandbox,
            inbox=self.inbox,
            lock=self.lock,
            instances=self.instances,
            jobs=JobsThroughDoor(self.inbox, door),
            creating=Creating(frozenset({"kie"})),
            open_providers=open_providers,
            open_results=partial(open_result_servers, self.files.transport),
            callback_readers={"kie": kie_reader("", time.time)},
            **settings,
        ) as bot:
            self.live.append(bot)
            try:
                yield bot
            finally:
                self.live.remove(bot)

    async def _post(self, url: str, body: bytes) -> int:
        if not self.live:
            return 502
        return (await asgi_post(self.live[-1].service.app)(url, [], body)).status

    @property
    def job(self) -> JobRow:
        """The only job."""
        (row,) = self.jobs.rows.values()
        return row

    async def ended(self, count: int = 1) -> None:
        """Return once there are so many jobs, all of them over and nothing is owed to anybody."""
        while not (
            len(self.jobs.rows) == count
            and all(row.job.state in ENDED for row in self.jobs.rows.values())
            and not self.inbox.rows
        ):
            await trio.sleep(0.05)

    def results(self) -> list[str]:
        """The results that people have been sent."""
        sent = [call for call in self.sandbox.telegram.call_log.find("sendMessage") if call.took_effect]
        return [text for call in sent if (text := str(call.params["text"])).startswith("result")]

    def statuses(self) -> list[str]:
        """What the status message of the only job has said, one after the other."""
        edits = [call for call in self.sandbox.telegram.call_log.find("editMessageText") if call.took_effect]
        return [str(call.params["text"]) for call in edits]


class JobsThroughDoor(MemoryJobs):
    """`Jobs` as an instance has them that may be gone at any moment."""

    def __init__(self, inbox: MemoryInbox, door: Door) -> None:
        super().__init__(inbox)
        self._door = door

    async def _through(self, name: str, work: Callable[[], Any]) -> Any:
        await self._door.leg(name)
        result = await work()
        await self._door.leg(f"{name} done")
        return result

    async def due_jobs(
        self, term: Term, held: Collection[int], limit: int, *, without: Collection[int] = ()
    ) -> list[DueJob]:
        if self._door.is_shut:
            await trio.sleep_forever()
        found = await super().due_jobs(term, held, limit, without=without)
        if found:
            await self._door.leg("due_jobs done")
        return found

    async def begin_create(self, term: Term, job_id: int, token: int) -> bool:
        begin = super().begin_create
        return bool(await self._through("begin_create", lambda: begin(term, job_id, token)))

    async def record_create(self, job_id: int, token: int, outcome: Created | PutOff) -> None:
        record = super().record_create
        await self._through("record_create", lambda: record(job_id, token, outcome))

    async def note_look(self, term: Term, job_id: int, delay: float, progress: float | None = None) -> None:
        note = super().note_look
        await self._through("note_look", lambda: note(term, job_id, delay, progress))

    async def identify(self, term: Term, job_id: int, task_id: str) -> bool:
        identify = super().identify
        return bool(await self._through("identify", lambda: identify(term, job_id, task_id)))

    async def end_job(self, term: Term, job_id: int, ending: JobEnding) -> bool:
        end = super().end_job
        return bool(await self._through("end_job", lambda: end(term, job_id, ending)))

    async def live_jobs(self, after: int, limit: int) -> list[LiveJob]:
        if self._door.is_shut:
            await trio.sleep_forever()
        return await super().live_jobs(after, limit)
