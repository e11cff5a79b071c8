"""Long polls: how getUpdates waits, and what becomes of a bot that polls twice, or too often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN

HOOK = "http://127.0.0.1:9/hook"
TERMINATED = "terminated by other getUpdates request; make sure that only one bot instance is running"


@pytest.fixture
async def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=sandbox.transport(), base_url=f"http://sandbox/bot{DEMO_TOKEN}/") as http:
        yield http


class Poller:
    """Polls when told to, and notes every answer with the time of it."""

    def __init__(self, http: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        self._http = http
        self._nursery = nursery
        self.answers: list[tuple[float, int, Any]] = []

    async def poll(self, **params: Any) -> None:
        """Begin a getUpdates; it has reached Telegram when this returns."""
        self._nursery.start_soon(self._poll, params)
        await trio.testing.wait_all_tasks_blocked()

    async def _poll(self, params: dict[str, Any]) -> None:
        answer = await self._http.post("getUpdates", json=params)
        body = answer.json()
        said = body.get("description", "").removeprefix("Conflict: ") or len(body["result"])
        self.answers.append((trio.current_time(), answer.status_code, said))


@pytest.fixture
def poller(http: httpx.AsyncClient, nursery: trio.Nursery) -> Poller:
    return Poller(http, nursery)


async def test_a_long_poll_ends_with_its_timeout(autojump_clock: MockClock, poller: Poller) -> None:
    await poller.poll(timeout=30)
    await trio.sleep(100)
    assert poller.answers == [(30, 200, 0)]


async def test_a_long_poll_lasts_50_seconds_at_most(autojump_clock: MockClock, poller: Poller) -> None:
    await poller.poll(timeout=500)
    await trio.sleep(100)
    assert poller.answers == [(50, 200, 0)]


async def test_a_long_poll_ends_with_the_first_update(
    autojump_clock: MockClock, sandbox: Sandbox, poller: Poller
) -> None:
    await poller.poll(timeout=30)
    await trio.sleep(3)
    sandbox.telegram.user_sends_text(7, "hi")
    await trio.sleep(100)
    assert poller.answers == [(3, 200, 1)]
    assert len(sandbox.telegram.call_log.find("getUpdates")) == 1


async def test_the_older_of_two_pollers_gets_409(autojump_clock: MockClock, poller: Poller) -> None:
    await poller.poll(timeout=30)
    await trio.sleep(1)
    await poller.poll(timeout=10)
    await trio.sleep(100)
    assert poller.answers == [(1, 409, TERMINATED), (11, 200, 0)]


async def test_a_poll_that_does_not_wait_leaves_the_one_that_does_alone(
    autojump_clock: MockClock, poller: Poller
) -> None:
    """`if (timeout != 0 && updates.size() == 0) abort_long_poll(false)`."""
    await poller.poll(timeout=30)
    await trio.sleep(5)
    await poller.poll()
    await trio.sleep(100)
    assert poller.answers == [(5, 200, 0), (30, 200, 0)]


@pytest.mark.parametrize(("url", "status"), [(HOOK, 200), ("ftp://x/", 400)])
async def test_set_webhook_ends_the_long_poll_even_when_it_is_refused(
    autojump_clock: MockClock, http: httpx.AsyncClient, poller: Poller, url: str, status: int
) -> None:
    """`abort_long_poll(true)` comes before the new settings are looked at."""
    await poller.poll(timeout=30)
    await trio.sleep(1)
    assert (await http.post("setWebhook", json={"url": url})).status_code == status
    await trio.testing.wait_all_tasks_blocked()
    assert poller.answers == [(1, 409, "terminated by setWebhook request")]


async def test_a_second_conflict_within_3_seconds_is_told_3_seconds_late(
    autojump_clock: MockClock, http: httpx.AsyncClient, poller: Poller
) -> None:
    """`fail_query_conflict`: at once from `next_get_updates_conflict_time_` on, else after a `SleepActor` of 3.0."""
    await http.post("setWebhook", json={"url": HOOK})
    for pause in (2, 2, 0):
        await poller.poll()
        await trio.sleep(pause)
    await trio.sleep(100)
    assert [(at, status) for at, status, _ in poller.answers] == [(0, 409), (4, 409), (5, 409)]


@pytest.mark.parametrize(
    ("limit", "count"), [(0, 1), (-5, 1), ("many", 1), (2, 2), (100, 100), (500, 100), ("", 100), (None, 100)]
)
async def test_the_limit_is_clamped(
    autojump_clock: MockClock, sandbox: Sandbox, poller: Poller, limit: Any, count: int
) -> None:
    """`get_integer_arg(query, "limit", 100, 1, 100)`: what is no number is 0, and 0 becomes 1."""
    for number in range(101):
        sandbox.telegram.user_sends_text(7, str(number))
    await poller.poll(limit=limit)
    assert poller.answers == [(0, 200, count)]


async def test_the_same_offset_again_at_once_gets_one_update_only(
    autojump_clock: MockClock, sandbox: Sandbox, poller: Poller
) -> None:
    """`offset == previous_get_updates_offset_ && now < previous_get_updates_start_time_ + 0.5`: `limit = 1`."""
    first = sandbox.telegram.user_sends_text(7, "a")
    sandbox.telegram.user_sends_text(7, "b")
    assert first is not None
    for pause, offset in ((0.4, 0), (0.4, 0), (0.6, 0), (0.1, 0), (0.0, first.id)):
        await poller.poll(offset=offset)
        await trio.sleep(pause)
    assert [count for _, _, count in poller.answers] == [2, 1, 1, 2, 2]


async def test_the_same_offset_again_soon_has_to_wait(
    autojump_clock: MockClock, sandbox: Sandbox, poller: Poller
) -> None:
    """`offset == previous_get_updates_offset_ && timeout < 3 && now < previous_... + 3.0`: `timeout = 3`."""
    for pause, offset in ((2, 0), (4, 0), (1, 0), (9, 5)):
        await poller.poll(offset=offset)
        await trio.sleep(pause)
    assert [at for at, _, _ in poller.answers] == [0, 5, 6, 7]


async def test_a_negative_offset_forgets_nothing_that_comes_while_it_waits(
    autojump_clock: MockClock, sandbox: Sandbox, poller: Poller
) -> None:
    await poller.poll(offset=-1, timeout=30)
    for text in "ab":
        sandbox.telegram.user_sends_text(7, text)
    await trio.sleep(1)
    assert poller.answers == [(0, 200, 2)]
