"""Real `svc run` processes: their log as it comes, their signals and their end. Every wait has a deadline.

A `Fleet` is several of them at one sandbox Telegram. Every instance has a door of its own to the Bot API, so what
was called is known together with who called; and webhooks are delivered to them in turn, as a load balancer does.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import httpx
import trio

from sandbox.api import Reply
from sandbox.app import Sandbox
from sandbox.http_client import HttpPoster
from sandbox.http_server import HttpRequest, serve
from sandbox.postgres import free_port
from sandbox.telegram import DEMO_TOKEN
from sandbox.webhooks import PostResult
from tests.harness import SECRET

DEADLINE = 20.0
# An update in doubt waits for the send deadline (15 s) and for the next look (5 s).
CALM_DEADLINE = 35.0
# As load balancers have one: a stopped process accepts connections and never answers.
POST_DEADLINE = 2.5
# A request that a process wrote right before it was killed or stopped may be read by us as late as this.
READ_LATE = 0.25

FIGURES: dict[str, float] = {}
"""What the tests have measured, in milliseconds."""


def figure(name: str, seconds: float, *, below: float) -> None:
    """Print and keep a measured time; fail if it is not `below` the time that the product promises."""
    FIGURES[name] = seconds * 1000
    print(f"FIGURE {name}: {seconds * 1000:.1f} ms (promised: under {below * 1000:.0f} ms)")
    assert seconds < below, f"{name}: {seconds * 1000:.1f} ms"


@dataclass
class BotApiCall:
    """One call as it came through an instance's own door: Unix times of its request and of its answer."""

    method: str
    user: int | None
    begun: float
    ended: float = math.inf


@dataclass(frozen=True)
class ActivePeriod:
    """When an instance could send, by its log (Unix times); without an end if it still can."""

    epoch: int
    begin: float
    end: float


class ServiceProcess:
    """One instance. `log` holds its JSON lines so far.

    `calls` are its Bot API calls and `halts` the times at which it was killed or stopped, if a Fleet started it.
    """

    def __init__(self, process: trio.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.log: list[dict[str, Any]] = []
        self.stderr = b""
        self.calls: list[BotApiCall] = []
        self.halts: list[float] = []
        self._news = trio.Event()

    @property
    def sends(self) -> list[BotApiCall]:
        """The calls that send a message: the others are the webhook's keeper's."""
        return [call for call in self.calls if call.method == "sendMessage"]

    async def event(self, name: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait for the `count`-th line of event `name` with these fields."""
        with trio.fail_after(DEADLINE):
            while True:
                found = [line for line in self.log if line["event"] == name and fields.items() <= line.items()]
                if len(found) >= count:
                    return found[count - 1]
                await self._news.wait()

    async def active(self) -> int:
        """Wait until it is ACTIVE; the epoch."""
        epoch: int = (await self.event("STATE", to="ACTIVE"))["epoch"]
        return epoch

    def lines(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """The lines of event `name` with these fields so far."""
        return [line for line in self.log if line["event"] == name and fields.items() <= line.items()]

    def periods(self) -> list[ActivePeriod]:
        """Its ACTIVE periods so far: each until the lock was released or lost, or the process killed."""
        found = []
        for begin in self.lines("STATE", to="ACTIVE"):
            epoch = begin["epoch"]
            ends = [*self.lines("LOCK_RELEASED", epoch=epoch), *self.lines("LOCK_LOST", epoch=epoch)]
            dead = self.halts[-1] + READ_LATE if self.halts and self.process.poll() is not None else math.inf
            found.append(ActivePeriod(epoch, when(begin), when(ends[0]) if ends else dead))
        return found

    def send_signal(self, number: signal.Signals) -> float:
        """Send a signal to this process, and to no other. Returns when, in Unix time."""
        now = time.time()
        if number in (signal.SIGKILL, signal.SIGSTOP):
            self.halts.append(now)
        self.process.send_signal(number)
        return now

    async def exit_code(self) -> int:
        """Wait for its end."""
        with trio.fail_after(DEADLINE):
            return await self.process.wait()

    async def read(self) -> None:
        """Collect the log until the process ends."""
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            self.log += [json.loads(line) for line in lines]
            self._news.set()
            self._news = trio.Event()

    async def read_errors(self) -> None:
        """Collect what it writes to stderr."""
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            self.stderr += chunk


def when(line: dict[str, Any]) -> float:
    """The Unix time of a line of the log."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def service_environment(database_url: str, telegram: str, port: int, **settings: str) -> dict[str, str]:
    """The environment of one instance."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    return {
        **inherited,
        "BOT_TOKEN": DEMO_TOKEN,
        "DATABASE_URL": database_url,
        "WEBHOOK_SECRET": SECRET,
        "TELEGRAM_API_ROOT": telegram,
        "PORT": str(port),
        "LOG_FORMAT": "json",
        "SEND_RATE": "0",
        "SEND_RATE_CHAT": "0",
        "SEND_RATE_GROUP": "0",
        **settings,
    }


@asynccontextmanager
async def running_service(database_url: str, telegram: str, **settings: str) -> AsyncIterator[ServiceProcess]:
    """`svc run` as a process of its own; killed at the end of the block if it still runs."""
    port = free_port()
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "svc", "run"],
        env=service_environment(database_url, telegram, port, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    service = ServiceProcess(process, port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.read)
        nursery.start_soon(service.read_errors)
        try:
            yield service
        finally:
            with trio.move_on_after(DEADLINE, shield=True):
                if process.poll() is None:
                    process.kill()
                await process.wait()
        nursery.cancel_scope.cancel(reason="the process has ended")


async def until_healthy(service: ServiceProcess) -> None:
    """Wait until /healthz answers."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with trio.fail_after(DEADLINE):
            while True:
                try:
                    if (await client.get(f"{service.url}/healthz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await trio.sleep(0.02)


@dataclass(frozen=True)
class Ledger:
    """What the database holds: update ids with their state or outcome, and their recorded doubts."""

    inbox: dict[int, tuple[str, int]]
    processed: dict[int, tuple[str, int]]


class Fleet:
    """Instances of one bot at one sandbox Telegram; `members` are all that ever were.

    Webhooks go to `targets` in turn, past those that refuse the connection. `posted` is when an update was first
    delivered to an instance, `accepted` when it first got a 200, `answers` what was answered by whom.
    """

    def __init__(self, sandbox: Sandbox, nursery: trio.Nursery, database_url: str, settings: dict[str, str]) -> None:
        self.sandbox = sandbox
        self.members: list[ServiceProcess] = []
        self.targets: list[ServiceProcess] = []
        self.posted: dict[int, float] = {}
        self.accepted: dict[int, float] = {}
        self.answers: list[tuple[ServiceProcess, int]] = []
        self.users: dict[int, int] = {}
        self._nursery = nursery
        self._database_url = database_url
        self._settings = settings
        self._turn = itertools.count()

    async def start(self, database_url: str | None = None, *, target: bool = True, **settings: str) -> ServiceProcess:
        """Start one more instance and wait until it is PASSIVE; from then on it is a target of webhooks."""
        url = database_url or self._database_url
        service: ServiceProcess = await self._nursery.start(self._run, url, {**self._settings, **settings})
        self.members.append(service)
        await service.event("LOCK_WAIT")
        if target:
            self.targets.append(service)
        return service

    def says(self, user: int, text: str = "/start") -> int:
        """A user writes; the update's id."""
        update = self.sandbox.telegram.user_sends_text(user, text)
        assert update is not None
        self.users[update.id] = user
        return update.id

    def menus(self) -> Counter[int]:
        """How many menus each user has been sent."""
        sends = self.sandbox.telegram.journal.find("sendMessage", status=200)
        return Counter(int(call.params["chat_id"]) for call in sends if "reply_markup" in call.params)

    async def ledger(self) -> Ledger:
        """What the database holds now."""
        inbox = await rows(self._database_url, "SELECT update_id, state, doubts FROM inbox")
        processed = await rows(self._database_url, "SELECT update_id, outcome, doubts FROM processed_updates")
        return Ledger(*({row[0]: (row[1], row[2]) for row in table} for table in (inbox, processed)))

    async def calm(self, *, doubts: bool = True) -> Ledger:
        """Wait until Telegram has nothing left to deliver and nothing is owed.

        Without `doubts` what is in doubt may stay so: its policy is applied 15 to 20 s after it was begun.
        """
        with trio.fail_after(CALM_DEADLINE):
            while True:
                # Looked at before the ledger: what is delivered later than that is not in it.
                delivered = not self.sandbox.telegram.bot().pending
                ledger = await self.ledger()
                owed = {state for state, _ in ledger.inbox.values()} - (set() if doubts else {"in_doubt"})
                if delivered and not owed:
                    return ledger
                await trio.sleep(0.05)

    async def check_promises(self, *, doubts: bool = True) -> Ledger:
        """In the calm: nothing accepted is lost, nobody got more menus than one and one a recorded doubt (each user
        having sent one /start), and nobody called but who was ACTIVE, before the next one was."""
        ledger = await self.calm(doubts=doubts)
        kept = ledger.inbox | ledger.processed
        assert not self.accepted.keys() - kept.keys(), "accepted and lost"
        assert not self.users.keys() - kept.keys(), "sent by a user and lost"
        menus = self.menus()
        wrong = {
            user: (menus[user], kept[update_id])
            for update_id, user in self.users.items()
            if not (update_id in ledger.processed) <= menus[user] <= 1 + kept[update_id][1]
        }
        assert not wrong, "menus, outcome and doubts by user"
        assert not list(self.stray_calls())
        return ledger

    def stray_calls(self) -> Iterator[str]:
        """Calls by who was not ACTIVE at that time, or not any more because a later term had begun."""
        begins = sorted((period.begin, period.epoch) for service in self.members for period in service.periods())
        assert [epoch for _, epoch in begins] == sorted({epoch for _, epoch in begins}), "terms out of order"
        for number, service in enumerate(self.members):
            periods = service.periods()
            for call in service.calls:
                mine = [period for period in periods if period.begin <= call.begun <= period.end]
                if not mine:
                    yield f"instance {number} called {call} outside of {periods}"
                    continue
                halted = any(0 <= call.begun - halt <= READ_LATE for halt in service.halts)
                later = [begin for begin, epoch in begins if epoch > mine[-1].epoch and begin <= call.begun]
                if later and not halted:
                    yield f"instance {number} called {call} in term {mine[-1].epoch}, a later one began at {later[0]}"

    async def deliver(self, poster: HttpPoster, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        """One webhook request, to the next target that accepts the connection."""
        update_id = json.loads(body)["update_id"]
        first = next(self._turn)
        for service in [self.targets[(first + step) % len(self.targets)] for step in range(len(self.targets))]:
            self.posted.setdefault(update_id, time.time())
            try:
                with trio.fail_after(POST_DEADLINE):
                    result = await poster.post(f"{service.url}/webhook", headers, body)
            except ConnectionRefusedError:
                continue
            except trio.TooSlowError:
                raise OSError(errno.ETIMEDOUT, "the instance does not answer") from None
            self.answers.append((service, result.status))
            if result.status == 200:
                self.accepted.setdefault(update_id, time.time())
            return result
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no instance is up")

    async def _run(
        self, database_url: str, settings: dict[str, str], *, task_status: trio.TaskStatus[ServiceProcess]
    ) -> None:
        calls: list[BotApiCall] = []
        async with trio.open_nursery() as nursery:
            port: int = await nursery.start(serve, partial(self._handle, calls), 0)
            async with running_service(database_url, f"http://127.0.0.1:{port}", **settings) as service:
                service.calls = calls
                task_status.started(service)
                await trio.sleep_forever()

    async def _handle(self, calls: list[BotApiCall], request: HttpRequest) -> Reply:
        user = json.loads(request.body or b"{}").get("chat_id")
        call = BotApiCall(request.target.rpartition("/")[2], user, time.time())
        calls.append(call)
        try:
            return await self.sandbox.api.handle(request.target, request.content_type, request.body)
        finally:
            call.ended = time.time()


@asynccontextmanager
async def running_fleet(database_url: str, **settings: str) -> AsyncIterator[Fleet]:
    """A sandbox Telegram with a webhook, and no instance yet; `settings` are those of every instance."""
    sandbox = Sandbox()
    with closing(HttpPoster()) as poster:
        async with trio.open_nursery() as nursery:
            fleet = Fleet(sandbox, nursery, database_url, settings)
            await nursery.start(sandbox.run_sender, lambda _url, headers, body: fleet.deliver(poster, headers, body))
            params = {"url": "http://127.0.0.1/webhook", "secret_token": SECRET, "max_connections": 40}
            assert sandbox.telegram.call(DEMO_TOKEN, "setWebhook", params).status == 200
            yield fleet
            nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def trickle(fleet: Fleet, *, every: float = 0.05) -> AsyncIterator[None]:
    """New users write all the time."""
    first = max(fleet.users.values(), default=0) + 1

    async def write() -> None:
        user = first
        while True:
            fleet.says(user)
            user += 1
            await trio.sleep(every)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        yield
        nursery.cancel_scope.cancel(reason="enough")


async def more_menus(fleet: Fleet, count: int = 10) -> None:
    """Wait until so many more users have their menu."""
    before = len(fleet.menus())
    await until(lambda: len(fleet.menus()) >= before + count)


async def until(condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
    """Wait for something that another process does."""
    with trio.fail_after(deadline):
        while not condition():
            await trio.sleep(0.005)


async def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement on a connection of its own, beside everything that is tested."""

    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url, timeout=DEADLINE)
        try:
            return [tuple(row) for row in await connection.fetch(sql, timeout=DEADLINE)]
        finally:
            connection.terminate()

    return await trio.to_thread.run_sync(lambda: asyncio.run(fetch()))
