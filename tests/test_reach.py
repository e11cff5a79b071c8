"""What an instance knows of its way to the Bot API, from the calls that are made over it and from getMe."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from svc.leadership.lease import RAN_OUT, Lease
from svc.leadership.noting_sender import NotingSender
from svc.leadership.reach import ASK_EVERY, QUIET, Reach, gets_through, keep_asking
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.get_me import ASK_TIMEOUT, open_get_me
from tests.faked_client import TOKEN, refusal, slow
from tests.transports import Answer, FakeTransport, answering


@pytest.mark.parametrize(
    ("error", "through"),
    [
        (None, True),
        (Refused("sendMessage", "Bad Request: chat not found", status=400), True),
        (Refused("sendMessage", "Forbidden: bot was blocked by the user", status=403), True),
        (NotSent("sendMessage", "Too Many Requests", status=429, retry_after=3), True),
        (Refused("getMe", "Unauthorized", status=401), False),
        (Refused("getMe", "Not Found", status=404), False),
        (InDoubt("getMe", "the answer is not JSON", status=404), False),
        (InDoubt("getMe", "the answer is not JSON", status=200), False),
        (InDoubt("sendMessage", "Bad Gateway", status=502), False),
        (InDoubt("sendMessage", "no answer in time"), False),
        (NotSent("sendMessage", "ConnectError"), False),
    ],
)
def test_what_gets_through(error: TelegramError | None, through: bool) -> None:
    """An answer of a Telegram that knows the bot, whatever it says; nothing that anybody else could have answered."""
    assert gets_through(error) is through


NO_WAY = NotSent("getMe", "ConnectError")


async def test_since_when_nothing_gets_through(autojump_clock: trio.testing.MockClock) -> None:
    """Since the first call began that did not; one that has hung since before the last success says nothing new."""
    reach = Reach()
    assert (reach.ok, math.isnan(reach.as_number)) == (None, True)
    await trio.sleep(10)
    reach.note(None, 9.0)
    assert (reach.ok, reach.through_at, reach.failing_since, reach.as_number) == (True, 10.0, None, 1)
    await trio.sleep(5)
    reach.note(InDoubt("sendMessage", "no answer in time"), 9.5)
    assert (reach.ok, reach.known_at) == (True, 10.0)
    reach.note(NO_WAY, 14.0)
    reach.note(NO_WAY, 12.0)
    reach.note(NO_WAY, 15.0)
    assert (reach.ok, reach.failing_since, reach.as_number) == (False, 12.0, 0)
    assert reach.error is not None
    assert "ConnectError" in reach.error
    reach.note(None, 13.0)
    assert (reach.ok, reach.failing_since) == (True, None)
    assert reach.as_number == 1


class Scripted:
    """Ends each call as it is told, after a second."""

    def __init__(self, *ends: TelegramError | None) -> None:
        self._ends: Iterator[TelegramError | None] = iter(ends)
        self.calls: list[tuple[float, str, Any]] = []

    async def call(self, method: str, params: Any = None, **_: Any) -> str:
        self.calls.append((trio.current_time(), method, params))
        await trio.sleep(1)
        end = next(self._ends, None)
        if end is not None:
            raise end
        return "a result"


async def test_calls_are_noted_and_nothing_else_changes(autojump_clock: trio.testing.MockClock) -> None:
    """Results and errors go on to the caller. What is cancelled says nothing."""
    reach = Reach()
    sender = NotingSender(Scripted(None, NO_WAY), reach)
    assert await sender.call("sendMessage", {"chat_id": 1}) == "a result"
    assert reach.through_at == 1
    with pytest.raises(NotSent):
        await sender.call("sendMessage", {"chat_id": 1})
    assert (reach.ok, reach.failing_since) == (False, 1)
    with trio.move_on_after(0.5):
        await sender.call("sendMessage", {"chat_id": 1})
    assert (reach.ok, reach.known_at) == (False, 2)


async def test_getme_is_asked_where_nothing_else_gets_through(autojump_clock: trio.testing.MockClock) -> None:
    """At once and about every five seconds, however it is answered; not while something gets through. When that ends it
    is asked soon."""
    reach, telegram = Reach(), Scripted(NO_WAY, NO_WAY)
    sender = NotingSender(telegram, reach)
    with trio.move_on_after(60):
        await keep_asking(reach, lambda: sender.call("getMe"), random.Random(0))
    times = [at for at, _, _ in telegram.calls]
    assert times[0] == 0
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert all(0.75 * ASK_EVERY <= pause <= ASK_EVERY + 1 for pause in pauses)
    assert reach.ok

    busy = Scripted()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_asking, reach, lambda: busy.call("getMe"), random.Random(0))
        for _ in range(20):
            reach.note(None, trio.current_time())
            await trio.sleep(2)
        assert busy.calls == []
        await trio.sleep(1)
        assert [at for at, _, _ in busy.calls] == [reach.through_at + QUIET]
        nursery.cancel_scope.cancel()


async def test_whoever_may_only_ask_getme_can_do_nothing_else(autojump_clock: trio.testing.MockClock) -> None:
    """It is given a function without arguments, and nothing that could be called otherwise; it has a deadline, and its
    connection is closed at the end."""
    transports: list[FakeTransport] = []
    fine, unknown = answering(200, {"ok": True, "result": {"id": 1}}), refusal(401, "Unauthorized")
    answers: Iterator[Answer] = iter([fine, unknown, partial(slow, seconds=60)])

    def next_answer(request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        return next(answers)(request)

    def open_transport() -> FakeTransport:
        transports.append(FakeTransport(next_answer))
        return transports[-1]

    async with open_get_me(TOKEN, root="https://api.example", open_transport=open_transport) as get_me:
        await get_me()
        with pytest.raises(Refused):
            await get_me()
        began = trio.current_time()
        with pytest.raises(InDoubt):
            await get_me()
        assert trio.current_time() - began == ASK_TIMEOUT
        with pytest.raises(TypeError):
            await get_me("sendMessage")  # type: ignore[call-arg]
    assert all(transport.closed for transport in transports)
    methods = [request.url.path.rpartition("/")[2] for transport in transports for request in transport.requests]
    assert methods == ["getMe"] * 3


async def test_a_lease_lasts_until_it_is_given_up_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """To be unwanted cancels nothing and renews as before; the first reason counts, and who waits for it is told."""
    lease = Lease(10.0)
    with trio.move_on_after(1) as waited:
        await lease.unwanted()
    assert waited.cancelled_caught
    lease.give_up("nothing gets through")
    lease.give_up("something else")
    await lease.unwanted()
    assert (lease.over, lease.unwanted_for) == (False, "nothing gets through")
    lease.renew(20.0)
    assert lease.left == 19
    await lease.ended()
    assert lease.reason == RAN_OUT
