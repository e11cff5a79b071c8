"""One attack as a process of its own: `python -m fleet.fuzz.wire.attacker NAME PORT SEED SECONDS CLIENTS`.

It would hold up the good requests, and what is measured of them, if it were in the same process. In the end it prints
one line of JSON (`Report`).
"""

from __future__ import annotations

import itertools
import json
import random
import resource
import sys
from collections import Counter
from dataclasses import asdict, dataclass

import trio

from fleet.fuzz.wire.attacks import ATTACKS, Attack
from fleet.fuzz.wire.client import Wire
from fleet.fuzz.wire.talks import Talk

OWN_FILES = 64
"""Open files that are no connections."""
AT_ONCE = 200
"""Clients that begin at the same time: the others follow."""


@dataclass(frozen=True)
class Report:
    """What came of an attack: how many `clients` there were, the connections that they `opened`, those that the server
    `closed`, those that failed for any reason, such as a reset (`broken`), and the statuses of the answers."""

    clients: int
    opened: int
    closed: int
    broken: int
    answers: dict[str, int]


async def attack(name: str, port: int, seed: int, seconds: float, clients: int) -> Report:
    """Attack for so many seconds, with so many clients, or as many as there may be open files."""
    plan, clients = ATTACKS[name], min(clients, _most_files() - OWN_FILES)
    wire = Wire(port, random.Random(f"{name} {seed}"))
    broken: Counter[str] = Counter()
    talks = itertools.cycle(plan.talks)
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for number in range(clients):
                nursery.start_soon(_client, wire, plan, next(talks), broken)
                if number % AT_ONCE == AT_ONCE - 1:
                    await trio.sleep(0.01)
            await trio.sleep_forever()
    return Report(clients, wire.opened, wire.closed, broken.total(), dict(wire.answers))


async def _client(wire: Wire, plan: Attack, talk: Talk, broken: Counter[str]) -> None:
    while True:
        try:
            async with wire.connection(small=plan.small) as connection:
                await talk(connection)
        except OSError as error:
            broken[type(error).__name__] += 1
        if plan.once:
            return
        await trio.lowlevel.checkpoint()


def _most_files() -> int:
    """Raise the limit of open files as far as this process may; what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else sys.maxsize


def main() -> None:
    """The command line."""
    name, port, seed, seconds, clients = sys.argv[1:]
    report = trio.run(attack, name, int(port), int(seed), float(seconds), int(clients))
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
