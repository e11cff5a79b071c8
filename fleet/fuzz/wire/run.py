"""All attacks, one after the other, on one real instance, each beside good requests."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import trio

from fleet.fuzz.findings import Row
from fleet.fuzz.wire.attacker import Report
from fleet.fuzz.wire.attacks import ATTACKS
from fleet.fuzz.wire.good import GoodPeople
from fleet.fuzz.wire.outcome import LEFT_OPEN, Outcome
from fleet.fuzz.wire.process_readings import Peaks, read
from fleet.instances import Fleet, running_fleet
from fleet.process import THIS, LogLine, ServiceProcess, inherited_environment
from fleet.waiting import DEADLINE, comes
from sandbox.postgres import temporary_postgres

ROUNDS = 3
"""How often each attack is made: what it leaves behind must not add up."""
MOST_ROUNDS = 6
"""And how often as long as it does. How much of what was freed goes back to the system is chance; what is never freed
adds up every time.
"""
PATIENCE = 30.0
"""Seconds in which an instance must have got over an attack."""
SETTINGS = {
    # Without a key nobody can call back, and without a token nobody can sign in.
    "KIE_API_KEY": "a-key-of-nobody",
    "KIE_API_ROOT": "http://127.0.0.1:1",
    "OPS_TOKEN": "a-token-of-nobody",
    "INSTANCE_ID": "attacked",
}


async def attack(seed: int, names: Sequence[str] = tuple(ATTACKS)) -> list[Row]:
    """Make all attacks, or those with these `names`; a row for each. Raises PostgresFailed."""
    with temporary_postgres({"fsync": "off"}) as postgres:
        async with attacked_instance(postgres.url) as (fleet, service):
            return [(await suffer(fleet, service, name, seed)).row() for name in names]


@asynccontextmanager
async def attacked_instance(database_url: str, **settings: str) -> AsyncIterator[tuple[Fleet, ServiceProcess]]:
    """An instance that is ACTIVE, and its fleet; `settings` are the instance's, besides those that it needs."""
    async with running_fleet(database_url, THIS, **SETTINGS, **settings) as fleet:
        service = await fleet.start_active()
        yield fleet, service


async def suffer(
    fleet: Fleet,
    service: ServiceProcess,
    name: str,
    seed: int,
    *,
    seconds: float | None = None,
    clients: int | None = None,
    rounds: int = ROUNDS,
) -> Outcome:
    """Make one attack, for so many `seconds` and with so many `clients`, or as the attack has it."""
    outcome = Outcome(name, ATTACKS[name])
    lasting = seconds or ATTACKS[name].seconds
    many = ATTACKS[name].clients if clients is None else clients
    before, log, refused = read(service.process.pid), len(service.log), len(fleet.refusals)
    bot = fleet.sandbox.telegram.bot()
    bot.last_error_message = ""
    number = 0
    while number < rounds or (outcome.grows and number < MOST_ROUNDS):
        _collect_garbage_now()
        began = read(service.process.pid)
        peaks, people = Peaks(service.process.pid), GoodPeople(fleet)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peaks.watch)
            nursery.start_soon(people.write)
            report = await _attacker(service, name, seed + number, lasting, many)
            nursery.cancel_scope.cancel(reason="the attack is over")
        ended = read(service.process.pid)
        await _calm(fleet, service, people, before.files)
        after = read(service.process.pid)
        _add(outcome, report, people)
        outcome.processor += (ended.processor - began.processor) / lasting
        outcome.peak = max(outcome.peak, peaks.memory - before.memory)
        outcome.rest.append(after.memory - before.memory)
        outcome.files = max(outcome.files, peaks.files)
        outcome.files_left = after.files - before.files
        menus = fleet.menus()
        outcome.menus_wrong += sum(menus[user] != 1 for user in people.users)
        number += 1
    outcome.processor /= number
    outcome.refused = Counter(result.status for result in fleet.refusals[refused:])
    outcome.last_error = bot.last_error_message
    outcome.trouble = _trouble(service, log)
    return outcome


def _collect_garbage_now() -> None:
    """What Telegram and the people of this process remember grows with every attack: to go through it would hold up the
    good requests for a quarter of a second. Frozen, it is not looked at again.
    """
    gc.collect()
    gc.freeze()


async def _attacker(service: ServiceProcess, name: str, seed: int, seconds: float, clients: int) -> Report:
    """Run the attack to its end."""
    port = httpx.URL(service.url).port
    arguments = [name, str(port), str(seed), str(seconds), str(clients)]
    command = [sys.executable, "-m", "fleet.fuzz.wire.attacker", *arguments]
    with trio.fail_after(seconds + DEADLINE):
        done = await trio.run_process(
            command, cwd=THIS.folder, env=inherited_environment(), stdin=subprocess.DEVNULL, capture_stdout=True
        )
    return Report(**json.loads(done.stdout))


async def _calm(fleet: Fleet, service: ServiceProcess, people: GoodPeople, files: int) -> None:
    """Wait until everybody has a menu and the connections are gone, or for as long as that may take."""

    def over() -> bool:
        if people.unanswered or read(service.process.pid).files > files + LEFT_OPEN:
            return False
        return people.users <= fleet.menus().keys()

    with trio.move_on_after(PATIENCE):
        await comes(over, every=0.25)


def _add(outcome: Outcome, report: Report, people: GoodPeople) -> None:
    outcome.clients = max(outcome.clients, report.clients)
    outcome.opened += report.opened
    outcome.closed += report.closed
    outcome.broken += report.broken
    outcome.answers.update(report.answers)
    outcome.waits += people.waits
    outcome.lost += len(people.unanswered)


def _trouble(service: ServiceProcess, since: int) -> list[str]:
    """What the instance has said of errors, or that it has ended."""
    found = [] if service.running else ["the instance has ended"]
    if service.stderr:
        found.append(f"the instance has written to stderr: {service.stderr.decode(errors='replace')[-300:]}")
    errors = [line for line in service.log[since:] if "exception" in line or line["level"] in ("error", "critical")]
    counts = Counter(f"{line['event']}: {_last_line(line)}" for line in errors)
    return [*found, *(f"the instance has logged {count:,} times {words}" for words, count in counts.items())]


def _last_line(line: LogLine) -> str:
    """What an error says of itself: a traceback's last line."""
    return str(line.get("exception") or line.get("error") or line.get("reason")).strip().splitlines()[-1]
