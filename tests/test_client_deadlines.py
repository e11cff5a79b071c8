"""The client's deadlines, its connections, and what a cancelled call leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from functools import partial

import httpx
import pytest
import trio
import trio.testing

from telegram_client.client import BotApi
from telegram_client.errors import InDoubt, NotSent, Refused
from tests.faked_client import MESSAGE, TOKEN, FakedClient, refusal, shows_no_token, slow
from tests.transports import FakeTransport, answering


async def test_a_call_has_a_total_deadline(autojump_clock: trio.testing.MockClock) -> None:
    """10 s in all, then in doubt, though the transport knows no timeouts."""
    client = FakedClient(lambda request: slow(request, 3600))
    async with client.api as api:
        with pytest.raises(InDoubt, match="no answer in time") as caught:
            await api.call("sendMessage", MESSAGE)
    assert trio.current_time() == pytest.approx(10.0)
    assert caught.value.chat_id == 5
    shows_no_token(caught.value)
    assert client.transports[0].closed


async def test_a_call_may_have_a_deadline_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    """`timeout` replaces it for one call: a long poll waits longer."""
    async with FakedClient(lambda request: slow(request, 50)).api as api:
        assert await api.call("getUpdates", timeout=60) == 1
        with pytest.raises(InDoubt):
            await api.call("getMe", timeout=2)
    assert trio.current_time() == pytest.approx(52.0)


async def test_a_deadline_while_connecting_is_not_sent(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing was taken of the request when the time was over."""
    async with BotApi(
        TOKEN, open_transport=lambda: FakeTransport(lambda request: slow(request, 3600), reads_body=False)
    ) as api:
        with pytest.raises(NotSent, match="no answer in time"):
            await api.call("sendMessage", MESSAGE)
    assert trio.current_time() == pytest.approx(10.0)


async def test_an_answer_that_drips_is_cut_off(autojump_clock: trio.testing.MockClock) -> None:
    """The deadline is for the whole answer, not for each piece of it."""

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await trio.sleep(1)
                yield b" "

    async with FakedClient(lambda _: httpx.Response(200, stream=Drip())).api as api:
        with pytest.raises(InDoubt):
            await api.call("sendMessage", MESSAGE)
    assert trio.current_time() == pytest.approx(10.0)


async def test_a_call_that_got_no_connection_in_time_is_not_sent(autojump_clock: trio.testing.MockClock) -> None:
    """The deadline includes the wait for one's turn: over, the call is certainly not sent."""
    client = FakedClient(lambda request: slow(request, 8), connections=1)
    async with client.api as api, trio.open_nursery() as nursery:
        nursery.start_soon(partial(api.call, timeout=100), "first")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NotSent, match="no answer in time"):
            await api.call("second", MESSAGE, timeout=5)
    assert len(client.transports) == 1
    assert [request.url.path.rpartition("/")[2] for request in client.transports[0].requests] == ["first"]


async def test_connections_are_bounded(autojump_clock: trio.testing.MockClock) -> None:
    """More callers than connections wait their turn; all are served."""
    at_once = most = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await slow(request, 1)
        finally:
            at_once -= 1

    client = FakedClient(answer, connections=4)
    async with client.api as api, trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(api.call, "getMe")
    assert (most, len(client.transports)) == (4, 4)
    assert trio.current_time() == pytest.approx(3.0)
    assert all(each.closed for each in client.transports)


async def test_one_after_the_other_use_one_connection() -> None:
    """A connection is used again, also after a refusal; the end of the client closes it."""
    answers = [refusal(403, "Forbidden"), refusal(500, "oops"), answering(200, {"ok": True, "result": 1})]

    def answer(request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        return answers.pop(0)(request)

    client = FakedClient(answer)
    async with client.api as api:
        for kind in (Refused, InDoubt):
            with pytest.raises(kind):
                await api.call("sendMessage", MESSAGE)
        assert await api.call("sendMessage", MESSAGE) == 1
        assert not client.transports[0].closed
    assert [(len(each.requests), each.closed) for each in client.transports] == [(3, True)]


async def test_a_cancelled_calls_connection_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    """Cancelled half-way, nobody knows what a connection will send next: it is closed and not used again."""
    client = FakedClient(lambda request: slow(request, 5))
    async with client.api as api:
        with trio.move_on_after(1) as scope:
            await api.call("sendMessage", MESSAGE)
        assert scope.cancelled_caught
        assert [each.closed for each in client.transports] == [True]
        assert await api.call("sendMessage", MESSAGE) == 1
    assert [len(each.requests) for each in client.transports] == [1, 1]


async def test_many_cancelled_calls_leave_the_client_usable(autojump_clock: trio.testing.MockClock) -> None:
    """No turn and no connection is lost to cancelled calls, those that waited for one included."""
    client = FakedClient(lambda request: slow(request, 5), connections=2)
    async with client.api as api:
        for _ in range(5):
            with trio.move_on_after(1):
                async with trio.open_nursery() as nursery:
                    for _ in range(6):
                        nursery.start_soon(api.call, "sendMessage", MESSAGE)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(api.call, "sendMessage", MESSAGE)
    assert all(each.closed for each in client.transports)
    assert trio.current_time() == pytest.approx(10.0)


async def test_a_connection_that_cannot_be_closed_holds_nobody_up(autojump_clock: trio.testing.MockClock) -> None:
    """Closing is given a second."""

    class Stuck(FakeTransport):
        async def aclose(self) -> None:
            await trio.sleep_forever()

    api = BotApi(TOKEN, open_transport=lambda: Stuck(answering(200, {"ok": True, "result": 1})))
    async with api:
        assert await api.call("getMe") == 1
    assert trio.current_time() == pytest.approx(1.0)
