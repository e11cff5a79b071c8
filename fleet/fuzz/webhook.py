"""Bodies against a real instance: they come over a few connections in rounds, with people in between who mean it.

After each round everything that was accepted has to come to an end. Then it is judged and forgotten, here and in the
database, so that a million requests take no more room than a thousand.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import trio

from fleet.fuzz import judgement
from fleet.fuzz.bodies import Request, requests
from fleet.fuzz.connection import Answer, Connection, NoAnswer
from fleet.fuzz.corpus import GROUPS, PEOPLE
from fleet.fuzz.findings import Row
from fleet.fuzz.tally import Tally
from fleet.instances import Fleet, running_fleet
from fleet.process import THIS, ServiceProcess
from fleet.promises import rows
from sandbox.call_log import RecordedCall
from sandbox.kie.app import DEMO_KEY, KieSandbox
from sandbox.postgres import temporary_postgres

CONNECTIONS = 16
ROUND = 1_000
"""Requests before everything is settled and judged."""
REST = 90.0
"""Seconds in which the inbox must be empty after a round: what fails is tried again for about twenty."""
LOOK_EVERY = 0.1
MOST_GOOD = 2_000
GOOD_EVERY = 20
FIRST_GOOD = 5_000_000
"""The numbers of people who mean it, far from all others."""
PROMPTLY = 10.0
TRIES = 30
"""How often what is answered with 503 is sent, a second apart."""
INBOX = "SELECT update_id, state, attempts, update_type, last_error FROM inbox ORDER BY update_id"
OUTCOMES = "SELECT update_id, outcome FROM processed_updates WHERE update_id >= 0"
DEAD = "SELECT left(reason, 300), count(*) FROM dead_updates GROUP BY 1"
FORGET = ("DELETE FROM processed_updates", "DELETE FROM dead_updates")


@dataclass
class Barrage:
    """One run against one instance. `accepted` are the updates of this round that got their 200, `good` the people who
    have written something sensible, `sent` what each of them was sent."""

    fleet: Fleet
    service: ServiceProcess
    tally: Tally = field(default_factory=Tally)
    accepted: set[int] = field(default_factory=set)
    good: list[int] = field(default_factory=list)
    sent: Counter[int] = field(default_factory=Counter)

    async def run(self, stream: Iterator[Request], count: int) -> None:
        """Send `count` requests of `stream`, and judge what comes of them."""
        self.fleet.sandbox.telegram.call_log.watch(self._watch)
        self.tally.megabytes = [memory(self.service)]
        good_every = max(GOOD_EVERY, count // MOST_GOOD)
        async with AsyncExitStack() as stack:
            connections = [Connection(urlsplit(self.service.url).port or 0) for _ in range(CONNECTIONS)]
            for connection in connections:
                stack.push_async_callback(connection.aclose)
            for first in range(0, count, ROUND):
                await self._round(connections, itertools.islice(stream, min(ROUND, count - first)), good_every)
                if not self.service.running or "updates" in self.tally.breaches:
                    break
        await self._last_good_message()
        self.tally.megabytes.append(memory(self.service))

    async def _round(self, connections: list[Connection], stream: Iterator[Request], good_every: int) -> None:
        numbered = enumerate(stream)

        async def send(connection: Connection) -> None:
            for number, request in numbered:
                if number % good_every == 0:
                    self._good_message()
                await self._put(connection, request)

        async with trio.open_nursery() as nursery:
            for connection in connections:
                nursery.start_soon(send, connection)
        await self._rest()
        await self._judge()

    async def _put(self, connection: Connection, request: Request) -> None:
        """Send one request; what cannot be stored now comes again, as Telegram's would."""
        answer = await self._ask(connection, request)
        for _ in range(TRIES):
            if answer.status != 503 or not self.service.running:
                break
            self.tally.again += 1
            await trio.sleep(1.0)
            answer = await self._ask(connection, request)
        self.tally.answers[request.kind, answer.status] += 1
        if answer.status == 200 and request.update_id is not None:
            self.accepted.add(request.update_id)

    async def _ask(self, connection: Connection, request: Request) -> Answer:
        try:
            answer = await connection.ask(request.method, "/webhook", request.headers, request.body)
        except NoAnswer as error:
            self.tally.breach(request.kind, [f"no answer ({error}) to {judgement.shown(request)}"])
            return Answer(0)
        self.tally.breach(request.kind, judgement.wrong_answer(request, answer))
        return answer

    def _good_message(self) -> None:
        person = FIRST_GOOD + len(self.good)
        self.good.append(person)
        self.fleet.says(person)

    async def _rest(self) -> None:
        """Wait until everything is delivered and the inbox is empty; what is left then is a breach."""
        began = trio.current_time()
        left: list[tuple[object, ...]] = []
        with trio.move_on_after(REST) as rest:
            while self.fleet.sandbox.telegram.bot().pending or (left := await rows(self.fleet.database_url, INBOX)):
                await trio.sleep(LOOK_EVERY)
        self.tally.slowest_rest = max(self.tally.slowest_rest, trio.current_time() - began)
        if rest.cancelled_caught:
            self.tally.breach("updates", judgement.wrong_rest(left or ["one that was not delivered"], REST))

    async def _judge(self) -> None:
        """Judge the round, and forget it."""
        outcomes = dict(await rows(self.fleet.database_url, OUTCOMES))
        self.accepted |= self.fleet.accepted.keys()
        self.tally.outcomes.update(outcomes.values())
        for reason, count in await rows(self.fleet.database_url, DEAD):
            self.tally.died(reason, count)
        self.tally.breach("updates", judgement.wrong_endings(self.accepted, outcomes))
        self.tally.breach("instance", judgement.wrong_lines(self.service.log, self.service.stderr))
        if not self.service.running:
            self.tally.breach("instance", [f"it has ended with exit code {self.service.process.returncode}"])
        for statement in FORGET:
            await rows(self.fleet.database_url, statement)
        self._forget()

    def _forget(self) -> None:
        fleet = self.fleet
        telegram = fleet.sandbox.telegram
        self.service.stderr = b""
        for kept in (self.service.log, self.service.calls, fleet.answers, fleet.refusals, telegram.bot().sent):
            kept.clear()
        for by_id in (fleet.accepted, fleet.posted, fleet.users, self.accepted, telegram.call_log):
            by_id.clear()

    async def _last_good_message(self) -> None:
        """After all of it somebody is answered, and at once."""
        self._good_message()
        person = self.good[-1]
        with trio.move_on_after(PROMPTLY) as prompt:
            while not self.sent[person]:
                await trio.sleep(0.01)
        if prompt.cancelled_caught:
            self.tally.breach("good messages", [f"the last one is not answered after {PROMPTLY:.0f} s"])
        self.tally.good = len(self.good)
        self.tally.breach("good messages", judgement.wrong_good(self.good, self.sent))

    def _watch(self, call: RecordedCall) -> None:
        if call.method == "sendMessage" and call.took_effect and int(call.params["chat_id"]) >= FIRST_GOOD:
            self.sent[int(call.params["chat_id"])] += 1


def memory(service: ServiceProcess) -> float:
    """The resident memory of an instance in MiB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


async def barrage(stream: Iterator[Request], count: int, database_url: str) -> list[Row]:
    """Send `count` requests of `stream` to an instance of its own on an empty database; the rows of the table."""
    async with trio.open_nursery() as nursery:
        # So that people get to all that can be asked for.
        kie: str = await nursery.start(KieSandbox().run)
        creating = {"KIE_API_KEY": DEMO_KEY, "KIE_API_ROOT": kie, "PUBLIC_URL": "https://bot.example"}
        async with running_fleet(database_url, THIS, **creating) as fleet:
            run = Barrage(fleet, await fleet.start_active())
            _meet(fleet)
            await run.run(stream, count)
        nursery.cancel_scope.cancel(reason="the run is over")
    return run.tally.rows()


async def attack(seed: int, count: int) -> list[Row]:
    """The same with requests made from `seed`, on a Postgres of its own."""
    with temporary_postgres({"fsync": "off"}) as postgres:
        return await barrage(requests(seed, int(time.time())), count, postgres.url)


def _meet(fleet: Fleet) -> None:
    """Let the people and groups of the corpus have the bot in a chat, so that what they are sent arrives."""
    telegram = fleet.sandbox.telegram
    for person in PEOPLE:
        telegram.chat(telegram.bot(), {"id": person, "type": "private", "first_name": "User"})
    for group in GROUPS:
        telegram.chat(telegram.bot(), {"id": group, "type": "supergroup", "title": "Group"})
