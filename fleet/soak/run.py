"""One soak: two instances stand, people write, deploys and kills come; then calm until all is answered; the verdict."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from fleet.interrupt import until_interrupted
from fleet.promises import rows
from fleet.soak.delivery import Delivery
from fleet.soak.flat import trend
from fleet.soak.instances import STANDING, Instances
from fleet.soak.ledger import Ledger, tally
from fleet.soak.load import Load
from fleet.soak.measuring import PostgresMeter, read_instances, read_process
from fleet.soak.old_rows import add_old_rows
from fleet.soak.outcome import InDatabase, Outcome
from fleet.soak.people import FIRST_UPDATE
from fleet.soak.plan import Event, Plan
from fleet.soak.series import ALL_SERIES, WINDOW, Readings, Window
from fleet.waiting import DEADLINE
from sandbox.http_server import serve
from sandbox.postgres import EmbeddedPostgres, temporary_postgres

READ_EVERY = 5.0
START = 300.0
CALM = 120.0
"""Seconds after the last message in which all must be answered. Telegram's own pauses grow to 64 s."""
LAST_EFFECTS = 3.0
"""Seconds that are left for an answer too many once everything is answered."""
ENQUIRY = 0.25

# A whole cycle of checkpoints in each minute: then the rate of WAL has no longer saw-tooth than all else.
POSTGRES = {"checkpoint_timeout": "60s"}

_DOUBTED = """
SELECT update_id FROM inbox WHERE doubts > 0 UNION SELECT update_id FROM processed_updates WHERE doubts > 0
"""
_OWED = "SELECT update_id FROM inbox"
_KNOWN = f"""
SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM processed_updates WHERE update_id >= {FIRST_UPDATE}),
       (SELECT count(*) FROM processed_updates WHERE update_id < {FIRST_UPDATE})
"""

Say = Callable[[str], object]


def run(plan: Plan, say: Say) -> Outcome | None:
    """Run it; `say` is told each deploy and kill. None if SIGINT or SIGTERM came; then nothing is left either.

    Raises PostgresFailed, or trio.TooSlowError if something does not end.
    """
    with temporary_postgres(POSTGRES) as server:
        return trio.run(until_interrupted, partial(soak, plan, server, say))


async def soak(plan: Plan, server: EmbeddedPostgres, say: Say) -> Outcome:
    """The run itself, on a server with nothing in it."""
    with trio.fail_after(START + plan.seconds + CALM + DEADLINE):
        async with trio.open_nursery() as nursery:
            outcome = await _Soak(plan, server.url, nursery, say).run()
            nursery.cancel_scope.cancel(reason="the soak is over")
    return outcome


class _Soak:
    """The parts of a run, at work together."""

    def __init__(self, plan: Plan, database_url: str, nursery: trio.Nursery, say: Say) -> None:
        self._plan = plan
        self._database_url = database_url
        self._nursery = nursery
        self._say = say
        self._began = 0.0
        self._readings = Readings()
        self._window = Window()
        self._marks: list[Event] = []
        self._ledger = Ledger(self._window)
        self._instances = Instances(nursery, database_url)
        self._load = Load(plan, self._ledger, Delivery(self._instances.targets, random.Random(plan.seed)))
        self._postgres = PostgresMeter(database_url)

    async def run(self) -> Outcome:
        plan = self._plan
        port: int = await self._nursery.start(serve, self._load.telegram.handle, 0)
        self._instances.bot_api = f"http://127.0.0.1:{port}"
        first = await self._instances.add()
        await first.service.active()
        old = await add_old_rows(self._database_url, plan.rate, plan.seconds)
        self._say(f"{old:,} updates of two days ago are there, each of which turns too old meanwhile")
        for _ in range(1, STANDING):
            await self._instances.add()
        async with trio.open_nursery() as deliveries:
            seconds = await self._under_load(deliveries)
            self._say("no more messages: calm")
            await self._calm()
            # What is under way even then is lost, and counted so.
            deliveries.cancel_scope.cancel(reason="the calm is over")
        return await self._outcome(old, seconds)

    async def _under_load(self, deliveries: trio.Nursery) -> float:
        """Messages are written, instances come and go, and it is measured; returns for how many seconds."""
        self._began = trio.current_time()
        async with trio.open_nursery() as inflicting, trio.open_nursery() as measuring:
            measuring.start_soon(self._every, READ_EVERY, self._read)
            measuring.start_soon(self._every, WINDOW, self._close_window)
            inflicting.start_soon(self._follow_schedule)
            await self._load.write(deliveries)
            measuring.cancel_scope.cancel(reason="nobody writes any more")
        return trio.current_time() - self._began

    async def _follow_schedule(self) -> None:
        for event in self._plan.schedule:
            await trio.sleep_until(self._began + event.at)
            self._marks.append(Event(round(trio.current_time() - self._began, 1), event.kind))
            hit = await self._instances.inflict(event.kind)
            took = trio.current_time() - self._began - self._marks[-1].at
            waiting = len(self._ledger.open)
            self._say(f"{event.at:7.1f} s  {event.kind}: {hit}, {took:.1f} s until it was done; {waiting} wait")

    async def _every(self, seconds: float, what: Callable[[float], Awaitable[None]]) -> None:
        """Do it at equal distances, told the time since the beginning, until cancelled."""
        number = 1
        while True:
            await trio.sleep_until(self._began + number * seconds)
            await what(trio.current_time() - self._began)
            number += 1

    async def _read(self, at: float) -> None:
        # Not judged, but kept: whoever reads the series can see that the load itself is bounded.
        self._readings.add(at, {"memory_load": read_process(os.getpid())[0]})
        self._readings.add(at, read_instances(self._instances))
        self._readings.add(at, await self._postgres.read(at))

    async def _close_window(self, at: float) -> None:
        self._readings.add(at, self._window.close(WINDOW))

    async def _calm(self) -> None:
        """Wait until everybody has an answer and nothing is owed."""
        with trio.move_on_after(CALM):
            while self._ledger.open or await rows(self._database_url, _OWED):
                await trio.sleep(ENQUIRY)
        await trio.sleep(LAST_EFFECTS)

    async def _outcome(self, old: int, seconds: float) -> Outcome:
        doubted = [update_id for (update_id,) in await rows(self._database_url, _DOUBTED)]
        owed = [update_id for (update_id,) in await rows(self._database_url, _OWED)]
        ((known, old_ones_left),) = await rows(self._database_url, _KNOWN)
        telegram = self._load.telegram
        return Outcome(
            self._plan,
            seconds,
            tally(self._ledger, doubted, owed),
            [trend(series, self._readings.points[series.key], self._plan.seconds) for series in ALL_SERIES],
            self._readings,
            self._marks,
            self._ledger,
            self._load,
            self._instances,
            InDatabase(known, old, old - old_ones_left),
            telegram.calls,
            telegram.refused,
        )
