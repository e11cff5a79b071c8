"""A provider in memory, with every fault that one has, on request. What it has created outlives its clients."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio

from providers.provider import Going, InDoubt, Made, NotSent, Outcome, ProviderError, Task
from svc.callback_url import read_path

PICTURE = "https://files.example/cat.png"


@dataclass
class Script:
    """What happens to one create. Times are in seconds from its arrival.

    `refused`: it is not created, and this is the answer. `cut`: it is created and its answer does not come back.
    `lost`: neither. `answered` is when the answer leaves, `known` from when on its record is there, `takes` when it is
    over, with `outcome`. `callbacks` are when it calls back, each with the task's id unless `forged`.
    """

    refused: ProviderError | None = None
    cut: bool = False
    lost: bool = False
    answered: float = 0.1
    known: float = 0.0
    takes: float = 5.0
    outcome: Outcome = field(default_factory=lambda: Made((PICTURE,)))
    callbacks: tuple[float, ...] = ()
    forged: str | None = None


@dataclass
class FakeTask:
    """One task: what was asked for, when, and what becomes of it."""

    task_id: str
    model: str
    given: Mapping[str, Any]
    callback_url: str | None
    script: Script
    created_at: float


class FakeProvider:
    """All of it. `scripts` are used up by creates in turn, after that `usual` goes; `faults` by queries in turn.

    `post` is how its callbacks reach the service, inside `calling_back`.
    """

    def __init__(self) -> None:
        self.usual = Script()
        self.scripts: deque[Script] = deque()
        self.faults: deque[ProviderError] = deque()
        self.tasks: dict[str, FakeTask] = {}
        self.creates: list[float] = []
        self.asked: list[tuple[float, str]] = []
        self.answers: list[int] = []
        """How the service has answered the callbacks."""
        self.uploads: dict[str, bytes] = {}
        self.refreshed: list[str] = []
        self._nursery: trio.Nursery | None = None
        self._post: Callable[[str, bytes], Awaitable[int]] | None = None

    def created_by_job(self) -> Counter[int]:
        """How many tasks each job has, as the addresses say that they were created with."""
        paths = [read_path(httpx.URL(task.callback_url).path) for task in self.tasks.values() if task.callback_url]
        return Counter(path.job_id for path in paths if path is not None)

    @asynccontextmanager
    async def calling_back(self, post: Callable[[str, bytes], Awaitable[int]]) -> AsyncIterator[None]:
        """Callbacks are made, within the block."""
        async with trio.open_nursery() as nursery:
            self._nursery, self._post = nursery, post
            yield
            nursery.cancel_scope.cancel(reason="the test is over")

    def client(self, door: Door | None = None) -> FakeClient:
        """A client, whose calls go through `door`."""
        return FakeClient(self, door or Door())

    def create(self, model: str, given: Mapping[str, Any], callback_url: str | None) -> FakeTask:
        """The request has arrived: it has its effect. Raises what the answer is to be, where it is no success."""
        self.creates.append(trio.current_time())
        script = self.scripts.popleft() if self.scripts else self.usual
        if script.refused is not None:
            raise script.refused
        if script.lost:
            raise InDoubt("no answer")
        task = FakeTask(f"task-{len(self.tasks) + 1}", model, given, callback_url, script, trio.current_time())
        self.tasks[task.task_id] = task
        if self._nursery is not None and callback_url is not None:
            for delay in script.callbacks:
                self._nursery.start_soon(self._call_back, task, delay)
        return task

    def task(self, task_id: str) -> Task | None:
        """The record of a task, as it is now."""
        self.asked.append((trio.current_time(), task_id))
        task = self.tasks.get(task_id)
        age = trio.current_time() - task.created_at if task is not None else 0.0
        if task is None or age < task.script.known:
            return None
        outcome = task.script.outcome if age >= task.script.takes else Going(age / task.script.takes)
        return Task(task_id, outcome, task.callback_url)

    async def _call_back(self, task: FakeTask, delay: float) -> None:
        await trio.sleep(delay)
        assert self._post is not None
        assert task.callback_url is not None
        body = json.dumps({"code": 200, "data": {"taskId": task.script.forged or task.task_id}}).encode()
        self.answers.append(await self._post(task.callback_url, body))


class Door:
    """What an instance's calls go through. Shut, nothing passes any more, in neither direction, for ever.

    `shut_at`: it shuts as so many legs of calls have passed, and `on_shut` is called.
    """

    def __init__(self, shut_at: int | None = None, on_shut: Callable[[], None] = lambda: None) -> None:
        self.legs: list[str] = []
        self.is_shut = False
        self._shut_at = shut_at
        self._on_shut = on_shut

    def shut(self) -> None:
        """The instance is gone."""
        if not self.is_shut:
            self.is_shut = True
            self._on_shut()

    async def leg(self, name: str) -> None:
        """One leg of a call."""
        if not self.is_shut:
            self.legs.append(name)
            if len(self.legs) - 1 == self._shut_at:
                self.shut()
        if self.is_shut:
            await trio.sleep_forever()


class FakeClient:
    """`Provider`: one instance's client."""

    def __init__(self, provider: FakeProvider, door: Door) -> None:
        self._provider = provider
        self._door = door

    async def create(self, model: str, given: Mapping[str, Any], callback_url: str | None) -> str:
        await self._door.leg("create")
        task = self._provider.create(model, given, callback_url)
        await trio.sleep(task.script.answered)
        await self._door.leg("created")
        if task.script.cut:
            raise InDoubt("the answer was cut")
        return task.task_id

    async def task(self, task_id: str) -> Task | None:
        await self._door.leg("ask")
        await trio.lowlevel.checkpoint()
        if self._provider.faults:
            raise self._provider.faults.popleft()
        task = self._provider.task(task_id)
        await self._door.leg("asked")
        return task

    async def upload(self, name: str, content: AsyncIterable[bytes], size: int) -> str:
        await self._door.leg("upload")
        read = b"".join([chunk async for chunk in content])
        if len(read) != size:
            raise NotSent("it has another size")
        url = f"https://uploads.example/{len(self._provider.uploads) + 1}/{name}"
        self._provider.uploads[url] = read
        return url

    async def fresh_url(self, url: str) -> str:
        await trio.lowlevel.checkpoint()
        self._provider.refreshed.append(url)
        return f"{url}?fresh={len(self._provider.refreshed)}"


class FakeFiles:
    """Servers that hold results: every address answers with a picture, but for those in `answers`."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.asked: list[str] = []

    def transport(self) -> httpx.AsyncBaseTransport:
        """What leads to them."""

        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(str(request.url))
            status = self.answers.get(str(request.url), 200)
            return httpx.Response(status, headers={"content-type": "image/png", "content-length": "1000"})

        return httpx.MockTransport(handle)
