"""Pages that are added after the start: before anybody is answered who asks for one, and once."""

from __future__ import annotations

from typing import Any

import trio
import trio.testing
from quart_trio import QuartTrio

from statemachine import Lifecycle
from svc.intake.accept import Intake
from svc.intake.http_app import make_app
from svc.intake.late_pages import SOON, LatePages
from svc.observability.metrics import Metrics
from tests.harness import SECRET
from tests.intake import AsgiRequest, Store

STEP = 0.5
"""Seconds that it takes to add them."""


class Service:
    """An application with one late page; `added` are the times at which it has been added."""

    def __init__(self) -> None:
        self.added: list[float] = []
        self.late = LatePages(self._add)
        hints, _ = trio.open_memory_channel[Any](1)
        self.app: QuartTrio = make_app(
            Intake(Store(), hints),
            Lifecycle[str](lambda _: None),
            Metrics(),
            secret=SECRET,
            instance="one",
            database_answers=trio.sleep_forever,
            late_pages=self.late,
        )

    async def _add(self) -> None:
        await trio.sleep(STEP)
        self.app.get("/late")(self._page)
        self.added.append(trio.current_time())

    async def _page(self) -> str:
        await trio.lowlevel.checkpoint()
        return "late"

    async def ask(self, path: str) -> int | None:
        return await AsgiRequest(path).put_to(self.app)


async def test_all_who_ask_at_once_find_the_page(autojump_clock: trio.testing.MockClock) -> None:
    """It is added once; who waits for it to be added goes on with them, and an update needs none of it."""
    service = Service()
    answers: list[int | None] = []

    async def ask() -> None:
        answers.append(await service.ask("/late"))

    assert await service.ask("/webhook") == 405
    assert service.added == []
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(service.late.added)
        for _ in range(3):
            nursery.start_soon(ask)
    assert answers == [200, 200, 200]
    assert service.added == [trio.current_time()] == [began + STEP]


async def test_pages_that_nobody_asks_for_are_added_all_the_same(autojump_clock: trio.testing.MockClock) -> None:
    """After a moment: it is not left to whoever comes first, maybe days later."""
    service, began = Service(), trio.current_time()
    await service.late.added()
    assert service.added == [began + SOON + STEP]


async def test_pages_that_could_not_be_added_are_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever asked first hung up meanwhile, which cancels the request."""
    service = Service()
    with trio.move_on_after(STEP / 2):
        await service.ask("/late")
    assert await service.ask("/late") == 200
    assert len(service.added) == 1
