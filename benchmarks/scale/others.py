"""Users who write /start at a fixed rate while a scene goes on, each of them once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks import updates
from benchmarks.report import percentile
from benchmarks.schedule import OpenLoop
from fleet.process import SECRET

CONNECTIONS = 40
MOST_SECONDS = 3600.0


@dataclass
class Waits:
    """Seconds until the answer to the webhook and until the menu; infinite for those that have not come."""

    acks: list[float] = field(default_factory=list)
    menus: list[float] = field(default_factory=list)


class Others:
    """They write through the webhooks of one or more instances, in equal shares. Make it in the scene, once.

    `waits` and `errors` are whole after `done`.
    """

    def __init__(self, numbers: updates.Numbers) -> None:
        self.errors: dict[str, int] = {}
        self._numbers = numbers
        self._loads: list[OpenLoop] = []

    def menu_sent(self, chat: int) -> None:
        """Take note that `chat` was sent its menu."""
        for load in self._loads:
            if chat - updates.FIRST_CHAT in load.owed:
                load.menu_sent(chat)

    @asynccontextmanager
    async def writing(self, ports: Sequence[int], rate: float) -> AsyncIterator[None]:
        """They write for as long as the block lasts, `rate` a second over all `ports`."""
        self._loads = [OpenLoop(port, updates.starts(port, SECRET), self._numbers) for port in ports]
        for load in self._loads:
            await load.connect(CONNECTIONS)
        each = rate / len(ports)
        tasks = [asyncio.create_task(load.run(each, round(each * MOST_SECONDS))) for load in self._loads]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def done(self, *, wait_for_menus: bool) -> None:
        """Wait for what is missing, 30 s at most, and hang up. Without `wait_for_menus` only for answers."""
        for load in self._loads:
            missing = dict(load.owed)
            if not wait_for_menus:
                load.owed.clear()
            await load.finish()
            for n, due in list((load.owed if wait_for_menus else missing).items()):
                load.menu_times.append((due, math.inf))
                load.owed.pop(n, None)
            for what, times in load.errors.items():
                self.errors[what] = self.errors.get(what, 0) + times

    def waits(self, since: float, until: float) -> Waits:
        """Of those who wrote between two instants of the monotonic clock."""
        found = Waits()
        for load in self._loads:
            found.acks += [wait for due, wait in load.ack_times if since <= due < until]
            found.menus += [wait for due, wait in load.menu_times if since <= due < until]
        return found


def milliseconds(waits: list[float], share: float) -> float | None:
    """A percentile of `waits` in ms; None if there are none or if it is one that never ended."""
    value = percentile(waits, share) if waits else math.inf
    return None if math.isinf(value) else 1000 * value
