"""`python -m fleet.many_bots.member`: one host of the fleet, with a candidacy for each of its bots.

Its one argument is a `Share` as JSON. On stdin it is told, a word a line, to `stand_by` for the bots that others
should lead, to say its `count` of statements, and to `drain`; when stdin ends it drains too, so it never outlives
whoever started it. On stdout it says what happens, one JSON object a line, with the time on the clock that all
processes of the machine share.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

import structlog
import trio

from fleet.many_bots.candidacy import Candidacy
from svc.leadership import election, heartbeats
from svc.storage.database import asyncio_loop, idle_transaction_limit, open_database
from svc.storage.inbox_sql import PLANNER

POOL = 4
# Opening a session costs the server a process. Hundreds at once on a busy machine would all miss their deadlines.
OPENED_AT_ONCE = 4
STAND_BY, COUNT, DRAIN = "stand_by", "count", "drain"
DEFAULT_LEASE = 3.0


@dataclass(frozen=True)
class Share:
    """What one member is to do: its `name`, the bots that it leads first, and those that it stands by for.

    `slower`: by how much every interval is longer than by default, the lease included.
    """

    name: str
    database_url: str
    leads: list[int]
    stands_by: list[int]
    slower: float

    def as_json(self) -> str:
        """What `read_share` reads."""
        return json.dumps(asdict(self))


def read_share(text: str) -> Share:
    """The share that `as_json` has written."""
    return Share(**json.loads(text))


def say(event: str, **fields: Any) -> None:
    """Say what has happened, at this moment."""
    sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **fields}) + "\n")
    sys.stdout.flush()


def slow_down(factor: float) -> None:
    """Make the intervals that no setting governs longer by this factor, in this process."""
    election.TRY_EVERY *= factor
    election.RECONNECT_AFTER *= factor
    heartbeats.BEAT_EVERY *= factor


async def live(share: Share) -> None:
    """Run the candidacies of `share` until it is told to drain."""
    lease = DEFAULT_LEASE * share.slower
    places = trio.CapacityLimiter(OPENED_AT_ONCE)
    sessions = {**PLANNER, **idle_transaction_limit(lease)}
    async with asyncio_loop(), open_database(share.database_url, settings=sessions, size=POOL) as database:
        candidacies: list[Candidacy] = []
        counts: Counter[str] = Counter()

        def begin(bots: list[int]) -> None:
            for bot in bots:
                candidacy = Candidacy(bot, database, share.name, lease=lease, places=places, counts=counts, say=say)
                candidacies.append(candidacy)
                nursery.start_soon(candidacy.run)

        async with trio.open_nursery() as nursery:
            begin(share.leads)
            async for word in _words():
                if word == DRAIN:
                    break
                if word == STAND_BY:
                    begin(share.stands_by)
                if word == COUNT:
                    say("COUNTS", counts=counts)
            for candidacy in candidacies:
                candidacy.lifecycle.drain("told to")


async def _words() -> AsyncIterator[str]:
    """The words that come on stdin, until it ends."""
    rest = b""
    async for chunk in trio.lowlevel.FdStream(sys.stdin.fileno()):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode()


def main() -> None:
    """Run one member; what the service logs as a warning is said like everything else."""
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(),
    )
    share = read_share(sys.argv[1])
    slow_down(share.slower)
    trio.run(live, share)


if __name__ == "__main__":
    main()
