"""The provider of the simulation: what it has made for whom, and everything that can go wrong between it and a job."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import trio

from providers.provider import Going, InDoubt, Made, NotMade, NotSent, Outcome, Provider, Refused, Task
from svc.callback_url import read_path
from tests.simulation.link import Link
from tests.simulation.schedule import ProviderTrouble

CREATE_DEADLINE = 30.0
QUERY_DEADLINE = 10.0
# How often a callback is delivered to no avail, and the pause between.
CALLBACK_TRIES = 3
CALLBACK_PAUSE = 2.0

Deliver = Callable[[str, bytes], Awaitable[bool]]
"""Posts a callback to its URL; returns whether it was taken."""


@dataclass
class SimulatedTask:
    """A task as the provider knows it, in seconds of the run."""

    task_id: str
    job_id: int
    callback_url: str
    visible_at: float
    over_at: float
    outcome: Outcome


class SimulatedProvider:
    """All tasks. `created` counts them by job; `unheard` has the jobs of whose create the answer did not get through.

    `calm` ends all trouble but what has been decided already. `on_create` is told of each create that arrives.
    """

    def __init__(self, trouble: ProviderTrouble, seed: int, nursery: trio.Nursery, deliver: Deliver) -> None:
        self.tasks: dict[str, SimulatedTask] = {}
        self.created: Counter[int] = Counter()
        self.unheard: Counter[int] = Counter()
        self.trouble = trouble
        self._rng = random.Random(f"provider {seed}")
        self._nursery = nursery
        self._deliver = deliver
        self._numbers = itertools.count(1)
        self.on_create: Callable[[int], object] = lambda _: None

    def calm(self) -> None:
        """From now on creates and queries go well."""
        self.trouble = ProviderTrouble(lasting=self.trouble.lasting)

    def meets(self, share: float) -> bool:
        """Draw whether a call is among this share of all."""
        return self._rng.random() < share

    def create(self, job_id: int, callback_url: str) -> SimulatedTask:
        """A task is made, and its callbacks are on their way."""
        self.on_create(job_id)
        now, trouble = trio.current_time(), self.trouble
        task_id = f"task-{next(self._numbers)}"
        over_at = now + self._rng.uniform(*trouble.lasting)
        task = SimulatedTask(task_id, job_id, callback_url, now + trouble.unseen_for, over_at, self._outcome(task_id))
        self.tasks[task_id] = task
        self.created[job_id] += 1
        if self.meets(trouble.early_callbacks):
            task.over_at = now
        if not self.meets(trouble.no_callback):
            self._nursery.start_soon(self._call_back, task, task_id)
        if self.meets(trouble.forged_callbacks):
            self._nursery.start_soon(self._call_back, task, self._rng.choice(sorted(self.tasks)))
        return task

    def _outcome(self, task_id: str) -> Outcome:
        if self.meets(self.trouble.not_made):
            return NotMade("failed", "it does not show this")
        if self.meets(self.trouble.made_nothing):
            return Made(())
        return Made((f"https://results.example/{task_id}.png",))

    async def _call_back(self, task: SimulatedTask, named: str) -> None:
        await trio.sleep_until(task.over_at)
        body = json.dumps({"code": 200, "data": {"taskId": named, "state": "success"}}).encode()
        deliveries = 2 if self.meets(self.trouble.callbacks_twice) else 1
        for _ in range(deliveries):
            for _ in range(CALLBACK_TRIES):
                if await self._deliver(task.callback_url, body):
                    break
                await trio.sleep(CALLBACK_PAUSE)


class ProviderOverLink:
    """`Provider` as one instance reaches it."""

    def __init__(self, provider: SimulatedProvider, link: Link) -> None:
        self._provider = provider
        self._link = link

    async def create(self, model: str, given: Mapping[str, Any], callback_url: str | None) -> str:
        assert callback_url is not None
        path = read_path(urlsplit(callback_url).path)
        assert path is not None
        heard = False
        try:
            with trio.move_on_after(CREATE_DEADLINE):
                task_id = await self._create(path.job_id, callback_url)
                heard = True
                return task_id
            raise InDoubt("no answer in time")
        except (Refused, NotSent):
            heard = True
            raise
        finally:
            if not heard:
                self._provider.unheard[path.job_id] += 1

    async def _create(self, job_id: int, callback_url: str) -> str:
        provider, trouble = self._provider, self._provider.trouble
        if self._link.no_way_out_since is not None or provider.meets(trouble.creates_not_sent):
            await trio.lowlevel.checkpoint()
            raise NotSent("no connection")
        await self._link.leg("provider")
        if provider.meets(trouble.creates_refused):
            await self._link.leg("provider")
            raise Refused("busy", "too many requests", 2.0)
        if provider.meets(trouble.creates_cut_before):
            raise InDoubt("cut before the fact")
        task = provider.create(job_id, callback_url)
        if provider.meets(trouble.creates_cut_after):
            raise InDoubt("cut after the fact")
        await trio.sleep(trouble.create_takes)
        await self._link.leg("provider")
        return task.task_id

    async def task(self, task_id: str) -> Task | None:
        provider = self._provider
        with trio.move_on_after(QUERY_DEADLINE):
            await self._link.leg("provider")
            if provider.meets(provider.trouble.queries_fail):
                raise InDoubt("502 with a page of HTML")
            task = provider.tasks.get(task_id)
            if task is None or trio.current_time() < task.visible_at:
                return None
            over = trio.current_time() >= task.over_at
            return Task(task_id, task.outcome if over else Going(0.5), task.callback_url)
        raise InDoubt("no answer in time")

    async def upload(self, name: str, content: AsyncIterable[bytes], size: int) -> str:
        raise NotImplementedError("nobody sends files here")

    async def fresh_url(self, url: str) -> str:
        await self._link.leg("provider")
        return f"{url}?fresh"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Mapping[str, Provider]]:
        """What an instance opens for a period."""
        yield {"kie": self}


class ResultsOverLink(httpx.AsyncBaseTransport):
    """The servers with the results: some do not find theirs at first."""

    def __init__(self, provider: SimulatedProvider, link: Link) -> None:
        self._provider = provider
        self._link = link

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._link.leg("provider")
        if self._provider.meets(self._provider.trouble.results_gone):
            return httpx.Response(404)
        return httpx.Response(200, headers={"content-type": "image/png", "content-length": "1000"})
