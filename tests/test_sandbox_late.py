"""A request that has wholly arrived is carried out, also late, and also when its client is gone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from fleet.waiting import eventually
from sandbox import late
from sandbox.app import Sandbox
from sandbox.late import LateCalls
from sandbox.telegram import DEMO_TOKEN

USER = 7
SEND = {"chat_id": USER, "text": "menu"}
DELAY = 0.2


@pytest.fixture
async def sandbox() -> Sandbox:
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(USER, "/start")
    return sandbox


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    base_url = f"http://sandbox/bot{DEMO_TOKEN}/"
    async with httpx.AsyncClient(transport=sandbox.transport(), base_url=base_url) as http:
        yield http


def menus(sandbox: Sandbox) -> int:
    return len(sandbox.telegram.sent(USER))


async def test_late_cuts_the_connection_at_once_and_the_effect_follows(
    autojump_clock: MockClock, nursery: trio.Nursery, sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    await nursery.start(sandbox.late.run)
    sandbox.faults.order("late", delay=5)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post("sendMessage", json=SEND)
    assert (trio.current_time(), menus(sandbox)) == (0, 0)
    await trio.sleep(4.9)
    assert menus(sandbox) == 0
    await trio.sleep(0.2)
    assert menus(sandbox) == 1
    (call,) = sandbox.telegram.call_log.find("sendMessage")
    assert (call.took_effect, call.fault, call.at - call.arrived_at) == (True, "late", 5)
    assert (await http.post("sendMessage", json=SEND)).status_code == 200


async def test_a_late_call_that_is_refused_then_has_no_effect(
    autojump_clock: MockClock, nursery: trio.Nursery, sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    """It is performed when its time comes, in the world of then."""
    await nursery.start(sandbox.late.run)
    sandbox.faults.order("late", delay=5)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post("sendMessage", json=SEND)
    sandbox.telegram.user_blocks_bot(USER)
    await trio.sleep(6)
    (call,) = sandbox.telegram.call_log.find("sendMessage")
    assert (call.status, menus(sandbox)) == (403, 0)


async def test_what_is_slow_is_carried_out_in_its_time_though_its_client_is_gone(
    autojump_clock: MockClock, nursery: trio.Nursery, sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    await nursery.start(sandbox.late.run)
    sandbox.faults.order("slow", delay=5)
    with trio.move_on_after(1):
        await http.post("sendMessage", json=SEND)
    await trio.sleep(3.9)
    assert menus(sandbox) == 0
    await trio.sleep(0.2)
    assert menus(sandbox) == 1


async def test_late_calls_are_carried_out_in_the_order_of_their_times(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Also what comes while a later one is being waited for; those of one moment as they came."""
    calls, done = LateCalls(), list[str]()
    await nursery.start(calls.run)
    for due, name in ((9, "last"), (5, "second"), (5, "third")):
        calls.put(due, lambda name=name: done.append(name))  # type: ignore[misc]
    await wait_all_tasks_blocked()
    calls.put(2, lambda: done.append("first"))
    await trio.sleep(6)
    assert done == ["first", "second", "third"]
    await trio.sleep(6)
    assert done[3:] == ["last"]


async def test_what_was_due_while_nobody_ran_is_carried_out_then(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    calls, done = LateCalls(), list[str]()
    calls.put(1, lambda: done.append("late"))
    await trio.sleep(5)
    assert done == []
    await nursery.start(calls.run)
    await wait_all_tasks_blocked()
    assert done == ["late"]


async def test_late_calls_are_bounded(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "MAX_LATE", 2)
    calls, done = LateCalls(), list[int]()
    for number in range(3):
        calls.put(1, lambda number=number: done.append(number))  # type: ignore[misc]
    await nursery.start(calls.run)
    await trio.sleep(2)
    assert done == [0, 1]


def request(body: bytes, length: int) -> bytes:
    head = f"POST /bot{DEMO_TOKEN}/sendMessage HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body


async def send_and_leave(base_url: str, data: bytes) -> None:
    """A client that is killed right after it has written this."""
    stream = await trio.open_tcp_stream("127.0.0.1", httpx.URL(base_url).port or 0)
    await stream.send_all(data)
    await trio.aclose_forcefully(stream)


@pytest.mark.parametrize("fault", ["slow", "late"])
async def test_over_sockets_a_client_that_is_gone_changes_nothing_either(
    nursery: trio.Nursery, sandbox: Sandbox, fault: str
) -> None:
    base_url = await nursery.start(sandbox.run)
    sandbox.faults.order(fault, delay=DELAY)
    body = json.dumps(SEND).encode()
    await send_and_leave(base_url, request(body, len(body)))
    await eventually(lambda: menus(sandbox) == 1)
    (call,) = sandbox.telegram.call_log.find("sendMessage")
    assert (call.fault, call.took_effect) == (fault, True)
    nursery.cancel_scope.cancel()


async def test_a_request_that_has_not_wholly_arrived_has_no_effect(nursery: trio.Nursery, sandbox: Sandbox) -> None:
    """The client dies in the middle of writing: nothing is guessed from what has come."""
    base_url = await nursery.start(sandbox.run)
    body = json.dumps(SEND).encode()
    await send_and_leave(base_url, request(body, len(body) + 1))
    async with httpx.AsyncClient(base_url=base_url) as http:
        assert (await http.post(f"/bot{DEMO_TOKEN}/sendMessage", json=SEND | {"text": "whole"})).status_code == 200
    assert [message.text for message in sandbox.telegram.sent(USER)] == ["whole"]
    nursery.cancel_scope.cancel()
