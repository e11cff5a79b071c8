"""What is done to real instances for each figure of takeover.py: the stage, set up once, and the trial, done often.

At the end of a stage the promises are checked: nothing lost, nothing doubled, nobody called who was not ACTIVE.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass

import trio

from fleet.instances import Fleet, running_fleet
from fleet.postgres_pair import postgres_pair
from fleet.process import SECRET, Checkout, ServiceProcess, when
from fleet.promises import check_promises
from fleet.traffic import more_menus, new_users_write, trickle
from fleet.waiting import DEADLINE, eventually
from sandbox.http_client import HttpPoster
from sandbox.postgres import EmbeddedPostgres

WRITE_RATE = 100.0
SEND_SECONDS = 0.05
STEADY_MENUS = 50
POLL_SECONDS = 0.002
# A kind of update that the service has nothing to do for but to store it.
EDIT = (
    b'{"update_id":%d,"edited_message":{"message_id":1,"date":1700000000,"edit_date":1700000001,'
    b'"from":{"id":7,"is_bot":false,"first_name":"Ann"},"chat":{"id":7,"type":"private"},"text":"a typo, mended"}}'
)


@dataclass(frozen=True)
class Ground:
    """What a side runs on: its code, and a fresh database that nobody else uses."""

    checkout: Checkout
    database_url: str


Trial = Callable[[], Awaitable[dict[str, float]]]
"""Does it once; returns the seconds that each thing took, by its words in the table."""
Stage = Callable[[Ground], AbstractAsyncContextManager[Trial]]


@asynccontextmanager
async def handovers(ground: Ground) -> AsyncIterator[Trial]:
    """SIGTERM while users write at a steady rate, and some of their menus are on the way."""
    async with running_fleet(ground.database_url, ground.checkout) as fleet:
        fleet.sandbox.faults.order("slow_after", count=None, method="sendMessage", delay=SEND_SECONDS)
        leader = await fleet.start_active()

        async def trial() -> dict[str, float]:
            nonlocal leader
            old, leader = leader, await fleet.start()
            async with _steady_writers(fleet):
                await more_menus(fleet, STEADY_MENUS)
                old.send_signal(signal.SIGTERM)
                fleet.targets.remove(old)
                await old.exit_code()
                await more_menus(fleet)
            await eventually(lambda: len(fleet.menus()) == len(fleet.users))
            return {"last call -> next one's first": leader.sends[0].begun - max(call.ended for call in old.sends)}

        yield trial
        await check_promises(fleet)


@asynccontextmanager
async def _steady_writers(fleet: Fleet) -> AsyncIterator[None]:
    """WRITE_RATE new users a second for as long as the block lasts, on a fixed schedule whatever the fleet does."""

    async def write() -> None:
        due = trio.current_time()
        while True:
            new_users_write(fleet, 1)
            due += 1 / WRITE_RATE
            await trio.sleep_until(due)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        yield
        nursery.cancel_scope.cancel(reason="enough has been written")


def halts(how: signal.Signals) -> Stage:
    """The ACTIVE instance is killed or stopped under load, with the default lease."""

    @asynccontextmanager
    async def stage(ground: Ground) -> AsyncIterator[Trial]:
        async with running_fleet(ground.database_url, ground.checkout) as fleet:
            leader = await fleet.start_active()

            async def trial() -> dict[str, float]:
                nonlocal leader
                old, leader = leader, await fleet.start()
                return {"signal -> next one ACTIVE": await _halt(fleet, old, leader, how)}

            yield trial
            await check_promises(fleet, doubts=False)

    return stage


async def _halt(fleet: Fleet, old: ServiceProcess, new: ServiceProcess, how: signal.Signals) -> float:
    """Halt `old` while users write; seconds until `new` is ACTIVE. Nothing is left of `old` afterwards."""
    async with trickle(fleet):
        await more_menus(fleet)
        halted = old.send_signal(how)
        fleet.targets.remove(old)
        await new.active()
        old.send_signal(signal.SIGKILL)
        await old.exit_code()
        await more_menus(fleet)
    return when(new.lines("STATE", to="ACTIVE")[0]) - halted


@asynccontextmanager
async def failovers(ground: Ground) -> AsyncIterator[Trial]:
    """The Postgres primary crashes and its synchronous standby is promoted, each time with a new pair of servers."""

    async def trial() -> dict[str, float]:
        # Blocks until the servers are up: nothing else is going on.
        with postgres_pair() as (primary, standby):
            addresses = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
            async with running_fleet(standby.url, ground.checkout) as fleet:
                return await _fail_over(fleet, f"postgresql://postgres@{addresses}/postgres", primary, standby)

    await trio.lowlevel.checkpoint()
    yield trial


async def _fail_over(fleet: Fleet, url: str, primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> dict[str, float]:
    for start in (fleet.start_active, fleet.start):
        await start(url)
    async with trickle(fleet):
        await more_menus(fleet)
        await trio.to_thread.run_sync(primary.kill)
        await eventually(lambda: bool(fleet.refusals))
        menus = len(fleet.menus())
        await trio.to_thread.run_sync(standby.promote)
        promoted = time.time()
        await eventually(lambda: len(fleet.menus()) > menus)
        answered = time.time()
    await check_promises(fleet, doubts=False)
    begins = [span.begin for service in fleet.members for span in service.history().spans]
    active = min(begin for begin in begins if begin > promoted)
    return {"standby promoted -> ACTIVE": active - promoted, "standby promoted -> first menu": answered - promoted}


@asynccontextmanager
async def cold_starts(ground: Ground) -> AsyncIterator[Trial]:
    """One instance and no other, on a database whose migrations have been applied."""
    async with running_fleet(ground.database_url, ground.checkout) as fleet:
        update_ids = itertools.count(1)
        await _end(await fleet.start_active())

        async def trial() -> dict[str, float]:
            service = await fleet.launch()
            answered = await _first_200(service, update_ids)
            await service.active()
            active = when(service.lines("STATE", to="ACTIVE")[0])
            await _end(service)
            return {"process -> ACTIVE": active - service.started, "process -> first 200": answered - service.started}

        yield trial


async def _first_200(service: ServiceProcess, update_ids: itertools.count[int]) -> float:
    """Post webhook requests from the process's start on; the Unix time of the first 200."""
    with closing(HttpPoster()) as poster, trio.fail_after(DEADLINE):
        while True:
            body = EDIT % next(update_ids)
            headers = [("Host", "127.0.0.1"), ("Content-Type", "application/json")]
            headers += [("Content-Length", str(len(body))), ("X-Telegram-Bot-Api-Secret-Token", SECRET)]
            try:
                if (await poster.post(f"{service.url}/webhook", headers, body)).status == 200:
                    return time.time()
            except OSError:
                await trio.sleep(POLL_SECONDS)  # not listening yet


async def _end(service: ServiceProcess) -> None:
    service.send_signal(signal.SIGTERM)
    await service.exit_code()
