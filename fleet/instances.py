"""Several instances of one bot, and a Telegram whose webhooks reach them in turn, as behind a load balancer."""

from __future__ import annotations

import errno
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import trio

from fleet.bot_api import ObservedBotApi
from fleet.call_faults import CallFaults
from fleet.process import SECRET, THIS, Checkout, ServiceProcess, running_service
from sandbox.app import Sandbox
from sandbox.http_client import HttpPoster
from sandbox.telegram import DEMO_TOKEN
from sandbox.webhooks import PostResult

# A load balancer gives up on an instance that accepts connections and never answers: one that is stopped.
KEPT_CALLS = 1_000_000
"""Calls that Telegram's list holds: half an hour of torture, with all that is asked of lost answers."""
ANSWER_DEADLINE = 4.0


class Fleet:
    """Instances of one bot at one sandbox Telegram; `members` are all that ever were.

    `latency` is how long a call of the Bot API takes, in seconds, and `call_faults` what goes wrong with some of them.

    Webhooks go to `targets` in turn, past those that refuse the connection. `posted` is when an update was first
    delivered to an instance, `accepted` when it first got a 200 (Unix times by update id), `answers` what was
    answered by whom, `refusals` the answers other than 200, `users` who sent which update.
    """

    def __init__(self, sandbox: Sandbox, nursery: trio.Nursery, database_url: str, checkout: Checkout) -> None:
        self.sandbox = sandbox
        self.database_url = database_url
        self.settings: dict[str, str] = {}
        self.latency = 0.0
        self.call_faults = CallFaults(sandbox.faults, random.Random(0))
        self.members: list[ServiceProcess] = []
        self.targets: list[ServiceProcess] = []
        self.posted: dict[int, float] = {}
        self.accepted: dict[int, float] = {}
        self.answers: list[tuple[ServiceProcess, int]] = []
        self.refusals: list[PostResult] = []
        self.users: dict[int, int] = {}
        self._nursery = nursery
        self._checkout = checkout
        self._turn = itertools.count()

    async def start(self, database_url: str | None = None, *, target: bool = True, **settings: str) -> ServiceProcess:
        """Start one more instance and wait until it is PASSIVE; from then on it is a target of webhooks."""
        service = await self.launch(database_url, **settings)
        await service.event("LOCK_WAIT")
        if target:
            self.targets.append(service)
        return service

    async def launch(self, database_url: str | None = None, **settings: str) -> ServiceProcess:
        """Start one more instance and wait for nothing."""
        url = database_url or self.database_url
        service: ServiceProcess = await self._nursery.start(self._run, url, self.settings | settings)
        self.members.append(service)
        return service

    async def start_active(self, database_url: str | None = None, **settings: str) -> ServiceProcess:
        """Start one more instance and wait until it is ACTIVE."""
        service = await self.start(database_url, target=True, **settings)
        await service.active()
        return service

    def says(self, user: int, text: str = "/start", language: str = "en") -> int:
        """A user writes; the update's id."""
        update = self.sandbox.telegram.user_sends_text(user, text, language_code=language)
        assert update is not None
        self.users[update.id] = user
        return update.id

    def menus(self) -> Counter[int]:
        """How many menus each user has been sent."""
        sends = self.sandbox.telegram.call_log.find("sendMessage", status=200)
        return Counter(int(call.params["chat_id"]) for call in sends if "reply_markup" in call.params)

    async def deliver(self, poster: HttpPoster, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        """One webhook request, to the next target that accepts the connection; OSError if none does."""
        update_id = json.loads(body)["update_id"]
        first = next(self._turn)
        for service in [self.targets[(first + step) % len(self.targets)] for step in range(len(self.targets))]:
            self.posted.setdefault(update_id, time.time())
            try:
                with trio.fail_after(ANSWER_DEADLINE):
                    result = await poster.post(f"{service.url}/webhook", headers, body)
            except ConnectionRefusedError:
                continue
            except trio.TooSlowError:
                raise OSError(errno.ETIMEDOUT, "the instance does not answer") from None
            self.answers.append((service, result.status))
            if result.status == 200:
                self.accepted.setdefault(update_id, time.time())
            else:
                self.refusals.append(result)
            return result
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no instance is up")

    async def _run(
        self, database_url: str, settings: dict[str, str], *, task_status: trio.TaskStatus[ServiceProcess]
    ) -> None:
        before_call = self.call_faults.before_call
        bot_api = ObservedBotApi(self.sandbox.api, latency=self.latency, before_call=before_call)
        async with trio.open_nursery() as nursery:
            telegram: str = await nursery.start(bot_api.run)
            async with running_service(database_url, telegram, self._checkout, **settings) as service:
                service.bot_api = bot_api
                task_status.started(service)
                await trio.sleep_forever()


@asynccontextmanager
async def running_fleet(database_url: str, checkout: Checkout = THIS, **settings: str) -> AsyncIterator[Fleet]:
    """A sandbox Telegram with a webhook, and no instance yet; `settings` are those of every instance."""
    sandbox = Sandbox(kept_calls=KEPT_CALLS)
    with closing(HttpPoster()) as poster:
        async with trio.open_nursery() as nursery:
            fleet = Fleet(sandbox, nursery, database_url, checkout)
            fleet.settings = settings
            await nursery.start(sandbox.run_sender, lambda _url, headers, body: fleet.deliver(poster, headers, body))
            params = {"url": "http://127.0.0.1/webhook", "secret_token": SECRET, "max_connections": 40}
            assert sandbox.telegram.call(DEMO_TOKEN, "setWebhook", params).status == 200
            yield fleet
            nursery.cancel_scope.cancel(reason="the fleet is no longer needed")
