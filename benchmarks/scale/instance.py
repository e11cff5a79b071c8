"""One instance of the service, with a Bot API of its own that answers at once, and its stopwatch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from benchmarks.scale.timings import Timings, read_timings
from benchmarks.sides import Side, SideFailed
from benchmarks.telegram_stub import TelegramStub
from benchmarks.updates import FIRST_CHAT, MOST_UPDATES
from fleet.process import Checkout
from sandbox.ports import free_port

INSIDE = Path(__file__).resolve().parent / "inside"
UNLIMITED = {"SEND_RATE": "0", "SEND_RATE_CHAT": "0", "SEND_RATE_GROUP": "0"}
WAIT_DEADLINE = 30.0
LOOK_EVERY = 0.002

T = TypeVar("T")


class Instance:
    """A running instance. `backlog_menus` counts the menus that it has sent for updates which were there before.

    `first_menu` is the Unix time of its first menu. Menus for users of the load go to `load_menu`, with their chat.
    """

    def __init__(self, side: Side, timings_file: Path, load_menu: Callable[[int], None]) -> None:
        self.side = side
        self.first_menu: float | None = None
        self.backlog_menus = 0
        self._timings_file = timings_file
        self._load_menu = load_menu

    @property
    def port(self) -> int:
        """Where it takes webhooks."""
        return self.side.port

    async def timings(self) -> Timings:
        """What its stopwatch has counted until now."""
        asked = time.time()
        return await self._later("written no timings", lambda: self._timings_since(asked))

    async def until_menus(self, count: int) -> None:
        """Wait until it has sent so many menus for updates that were there before."""
        await self._later(f"sent {count} menus", lambda: self.backlog_menus >= count or None)

    async def until_first_menu(self) -> float:
        """Wait for its first menu; its Unix time."""
        return await self._later("sent a menu", lambda: self.first_menu)

    def menu(self, chat: int) -> None:
        """Take note of a menu that it has sent."""
        if self.first_menu is None:
            self.first_menu = time.time()
        if FIRST_CHAT <= chat < FIRST_CHAT + MOST_UPDATES:
            self._load_menu(chat)
        else:
            self.backlog_menus += 1

    def _timings_since(self, asked: float) -> Timings | None:
        found = read_timings(self._timings_file)
        return found if found.at >= asked else None

    async def _later(self, words: str, look: Callable[[], T | None]) -> T:
        give_up = time.monotonic() + WAIT_DEADLINE
        while (found := look()) is None:
            if time.monotonic() > give_up:
                raise SideFailed(f"{self.side.name} has not {words} within {WAIT_DEADLINE:.0f} s")
            await asyncio.sleep(LOOK_EVERY)
        return found


@asynccontextmanager
async def running_instance(
    checkout: Checkout, database_url: str, stem: Path, load_menu: Callable[[int], None], state: str, **more: str
) -> AsyncIterator[Instance]:
    """An instance of the code in `checkout`, without flood control, that has reached `state`; ended with the block.

    `more` are settings. Its log and timings are files whose names begin with `stem`.
    """
    timings_file = stem.with_suffix(".timings")
    settings = UNLIMITED | {"PYTHONPATH": str(INSIDE), "TIMINGS": str(timings_file), **more}
    command = (checkout.python, "-m", "timed_service")
    log = stem.with_suffix(".log")
    side = Side(stem.name, checkout.folder, command, settings, None, free_port(), database_url, log)
    instance = Instance(side, timings_file, load_menu)
    stub, stub_port = TelegramStub(), free_port()
    stub.on_menu = instance.menu
    server = await stub.listen(stub_port)
    try:
        await side.start(stub_port, state)
        yield instance
    finally:
        await side.stop()
        server.close()
