"""An operator in the middle of it all: pauses sending and resumes, hands the lead over. And the proof that a pause is
kept, by what the instances called at the Bot API once it was known to be obeyed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from fleet.bot_api import BotApiCall
from fleet.postgres_pair import PostgresCluster
from fleet.process import ServiceProcess
from sandbox.telegram import DEMO_TOKEN
from svc.actions.orders import CannotBeDone, obeyed, pause, resume, step_down
from svc.actions.record import Operator
from svc.storage.database import Database, open_database
from svc.storage.errors import DatabaseUnavailable

T = TypeVar("T")

WHO = Operator("torture@here", "command")
BOT_ID = int(DEMO_TOKEN.partition(":")[0])
OBEYED_WITHIN = 10.0
AGAIN_AFTER = 0.3


@dataclass(frozen=True)
class Span:
    """When all sending was paused, in Unix time: from when that was known to be obeyed to the order to resume."""

    begin: float
    end: float


@dataclass
class OperatorsWork:
    """What an operator does here. `spans` are the pauses that were obeyed, `handovers` how many there were by order,
    and `not_done` counts what could not be done.
    """

    cluster: PostgresCluster
    spans: list[Span] = field(default_factory=list)
    handovers: int = 0
    not_done: int = 0

    async def pause_for(self, seconds: float) -> None:
        """Pause all sending, wait until that is obeyed, and resume after so many seconds, however long that takes."""

        async def pause_and_wait(database: Database) -> str | None:
            await pause(database, BOT_ID, WHO, "sending", "", "torture")
            return await obeyed(database, BOT_ID, paused=True, within=OBEYED_WITHIN)

        obeys, began = await self._tried(pause_and_wait), time.time()
        if obeys:
            await trio.sleep(seconds)
        ended = time.time()
        while True:
            if await self._tried(lambda database: resume(database, BOT_ID, WHO, "sending", "")):
                break
            await trio.sleep(AGAIN_AFTER)
        if obeys:
            self.spans.append(Span(began, ended))
        else:
            self.not_done += 1

    async def hand_over(self) -> None:
        """Have the leader step down, if there is anybody else to lead."""
        done = await self._tried(lambda database: step_down(database, BOT_ID, WHO))
        self.handovers += done
        self.not_done += not done

    async def _tried(self, work: Callable[[Database], Awaitable[object]]) -> bool:
        """Whether it has been done, on a connection of its own to whoever is the primary now."""
        try:
            async with open_database(self.cluster.primary.url, size=1) as database:
                return await work(database) is not None
        except (CannotBeDone, DatabaseUnavailable):
            return False


def sent_while_paused(services: Iterable[ServiceProcess], spans: Iterable[Span]) -> Iterator[str]:
    """A sentence for every message within a span that was not begun before it. What was in flight may still arrive."""
    spans = list(spans)
    for number, service in enumerate(services, 1):
        begins = service.times_by_chat("ACTIVE_PROCESS_START")
        for call in service.sends:
            for span in spans:
                if span.begin < call.begun < span.end and not _in_flight(call, begins, span):
                    yield f"instance {number} sent to chat {call.chat_id} {call.begun - span.begin:.2f} s into a pause"


def _in_flight(call: BotApiCall, begins: dict[int, list[float]], span: Span) -> bool:
    """Whether the latest attempt for the chat before this call began before the pause was known to be obeyed."""
    before = [at for at in begins.get(call.chat_id or 0, ()) if at <= call.begun]
    return bool(before) and max(before) <= span.begin
