"""A whole bot under the mock clock: the real service between the sandbox Telegram and in-memory stand-ins."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import httpx
import trio

from sandbox.app import Sandbox
from sandbox.asgi import asgi_post
from sandbox.call_log import RecordedCall
from sandbox.kie.app import KieSandbox
from sandbox.telegram import DEMO_TOKEN
from statemachine import State
from svc.bot.menu_bot import bot as menu_bot
from svc.delivery.readings import TakeReadings
from svc.handler.bot import Bot
from svc.handler.known import Creating
from svc.intake.callback import ReadCallback
from svc.jobs.results import open_result_servers
from svc.jobs.runner import OpenProviders, OpenResults, no_providers
from svc.observability.logs import configure_logging
from svc.observability.metrics import Metrics
from svc.parts import Parts
from svc.service import Service
from svc.settings.environment import Settings, load_settings
from svc.storage.figures import Figures
from svc.storage.jobs import Jobs
from tests.bots import Decide, TestBot
from tests.creating import PUBLIC_URL, fetched_from, parts_of
from tests.memory.inbox import MemoryInbox
from tests.memory.instances import MemoryInstances
from tests.memory.job_rows import unix_time
from tests.memory.jobs import MemoryJobs
from tests.memory.lock import MemoryLockServer
from tests.memory.transition_log import MemoryTransitionLog

SECRET = "a-webhook-secret"
NOTHING_CREATED = Creating()
# Turns a deadlock into an instant failure: the mock clock jumps there when nothing else is left to happen.
DEADLOCK = 3600.0


def settings_for_tests(**changes: Any) -> Settings:
    """Settings with every required one set."""
    settings = load_settings(
        {"BOT_TOKEN": DEMO_TOKEN, "DATABASE_URL": "postgresql://unused", "WEBHOOK_SECRET": SECRET}, dotenv=None
    )
    # Without flood control, which has tests of its own: the others are about other waits.
    unlimited = {"send_rate": 0.0, "send_rate_chat": 0.0, "send_rate_group": 0.0}
    return replace(settings, **unlimited | changes)


class Logs:
    """What was logged, as the operators' JSON lines."""

    def __init__(self) -> None:
        self.out = io.StringIO()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line so far."""
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def names(self, update_id: int | None = None) -> list[str]:
        """The events in order, of one update or all."""
        return [line["event"] for line in self.lines if update_id is None or line.get("update_id") == update_id]

    def of(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.lines if line["event"] == event]

    def errors(self) -> list[dict[str, Any]]:
        """Lines at error level, or with a traceback."""
        return [line for line in self.lines if line["level"] in ("error", "critical") or "exception" in line]


@contextmanager
def captured_logs(level: str = "debug", **options: Any) -> Iterator[Logs]:
    """Log to memory, as JSON."""
    logs = Logs()
    configure_logging(log_format="json", level=level, out=logs.out, **options)
    yield logs


class RunningBot:
    """One service, with handles on everything around it."""

    def __init__(
        self,
        sandbox: Sandbox,
        inbox: MemoryInbox,
        lock: MemoryLockServer,
        instances: MemoryInstances,
        parts: Parts,
        logs: Logs,
    ) -> None:
        self.sandbox = sandbox
        self.inbox = inbox
        self.jobs = parts.jobs
        self.instances = instances
        self.lock = lock
        self.metrics = parts.metrics
        self.transition_log = parts.transition_log
        self.service = Service(parts)
        self.logs = logs
        self.ended = trio.Event()

    async def send(self, user: int, text: str = "/start", **more: Any) -> int:
        """A user writes; returns the update's id."""
        update = self.sandbox.telegram.user_sends_text(user, text, **more)
        assert update is not None
        return update.id

    async def settled(self) -> None:
        """Return once nothing is owed and Telegram has nothing left to deliver."""
        while self.inbox.rows or self.sandbox.telegram.bot().pending:
            await trio.sleep(0.05)

    async def state(self, state: State) -> None:
        """Return once the service is in `state`."""
        await self.service.lifecycle.wait_for(state)

    def calls(self, method: str = "sendMessage", chat_id: int | None = None) -> list[RecordedCall]:
        """The Bot API calls that had an effect."""
        return [call for call in self.sandbox.telegram.call_log.find(method, chat_id=chat_id) if call.took_effect]

    def menus(self, user: int) -> list[RecordedCall]:
        """The menus that a user has been sent."""
        return [call for call in self.calls("sendMessage", user) if "reply_markup" in call.params]

    async def drain(self) -> None:
        """SIGTERM, and the end of the process."""
        self.service.lifecycle.drain("SIGTERM")
        await self.ended.wait()


@asynccontextmanager
async def running_bot(
    *,
    passive: bool = False,
    standby: bool = False,
    bot: Bot | None = None,
    decide: Decide | None = None,
    sandbox: Sandbox | None = None,
    inbox: MemoryInbox | None = None,
    lock: MemoryLockServer | None = None,
    instances: MemoryInstances | None = None,
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    latency: float = 0.0,
    masked: bool = True,
    deadlock: float = DEADLOCK,
    kie: KieSandbox | None = None,
    jobs: Jobs | None = None,
    creating: Creating = NOTHING_CREATED,
    open_providers: OpenProviders = no_providers,
    open_results: OpenResults = open_result_servers,
    callback_readers: Mapping[str, ReadCallback] | None = None,
    take_readings: TakeReadings | None = None,
    figures: Figures | None = None,
    **settings: Any,
) -> AsyncIterator[RunningBot]:
    """A bot that is ACTIVE, or PASSIVE because somebody else holds the lock. Stops at the end of the block.

    `passive`: the lock is taken from all; `standby`: another bot holds it. `bot` is what decides, by default the
    project's own; `decide` stands for one that does nothing else.

    `latency` is how long a Bot API call takes, in seconds; `masked` whether the log hides secrets; `settings` change
    the service's settings. Whatever takes longer than `deadlock` seconds fails. With `kie`, a stand-in for
    the provider, jobs can be asked for; it must go by the clock of the same Trio run.
    """
    sandbox = sandbox or Sandbox(now=unix_time, fetch=fetched_from(kie) if kie is not None else None)
    inbox = inbox or MemoryInbox()
    lock = lock or MemoryLockServer()
    lock.blocked = passive
    instances = instances or MemoryInstances(inbox)
    metrics = Metrics()
    secrets = (DEMO_TOKEN, SECRET) if masked else ()
    if kie is not None:
        settings.setdefault("public_url", PUBLIC_URL)
    chosen = settings_for_tests(**settings)
    made_by: dict[str, Any] = {
        "creating": creating,
        "open_providers": open_providers,
        "open_results": open_results,
        "callback_readers": callback_readers or {},
    }
    if kie is not None:
        made_by = parts_of(kie, chosen)
    with captured_logs(count=metrics.count, instance="one", secrets=secrets) as logs:
        parts = Parts(
            settings=chosen,
            metrics=metrics,
            inbox=inbox,
            instances=instances.of(chosen.instance_id),
            transition_log=MemoryTransitionLog(),
            jobs=jobs or MemoryJobs(inbox),
            bot=bot or (TestBot(decide) if decide is not None else menu_bot),
            prepare=trio.lowlevel.checkpoint,
            writers=trio.sleep_forever,
            connect_lock=lock.connect,
            database_answers=lambda: _answers(inbox),
            open_transport=transport or (lambda: sandbox.transport(latency=latency)),
            now=unix_time,
            take_readings=take_readings,
            figures=figures,
            **made_by,
        )
        running = RunningBot(sandbox, inbox, lock, instances, parts, logs)
        with trio.fail_after(deadlock):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_live, running)
                if not standby:
                    await _deliver_to(running, nursery)
                if kie is not None:
                    await nursery.start(kie.run_callbacks, asgi_post(running.service.app))
                await running.state(State.PASSIVE if passive or standby else State.ACTIVE)
                yield running
                nursery.cancel_scope.cancel(reason="the test is over")


def second_bot(bot: RunningBot, **settings: Any) -> AbstractAsyncContextManager[RunningBot]:
    """Another instance of the same bot, PASSIVE as long as `bot` leads: the same Telegram, database and lock."""
    return running_bot(
        standby=True, sandbox=bot.sandbox, inbox=bot.inbox, lock=bot.lock, instances=bot.instances, **settings
    )


async def _deliver_to(bot: RunningBot, nursery: trio.Nursery) -> None:
    await nursery.start(bot.sandbox.run_sender, asgi_post(bot.service.app))
    url = {"url": "https://bot.example/webhook", "secret_token": SECRET, "max_connections": 40}
    assert bot.sandbox.telegram.call(DEMO_TOKEN, "setWebhook", url).status == 200


async def _live(bot: RunningBot) -> None:
    await bot.service.run()
    bot.ended.set()


async def _answers(inbox: MemoryInbox) -> bool:
    await trio.lowlevel.checkpoint()
    return not inbox.away
