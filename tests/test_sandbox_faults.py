"""Faults on request, met by an httpx client over the in-process transport under a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from trio.testing import MockClock

from sandbox.app import Sandbox
from sandbox.faults import FaultKind
from sandbox.telegram import DEMO_TOKEN
from sandbox.transport import InProcessTransport

USER = 7
SEND = {"chat_id": USER, "text": "menu"}


@pytest.fixture
async def sandbox() -> Sandbox:
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(USER, "/start")
    return sandbox


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with client(sandbox.transport()) as http:
        yield http


def client(transport: InProcessTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, base_url=f"http://sandbox/bot{DEMO_TOKEN}/")


def menus(sandbox: Sandbox) -> int:
    return [message["text"] for message in sandbox.telegram.messages(USER)].count("menu")


async def test_a_call_without_faults_succeeds(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    answer = await http.post("sendMessage", json=SEND)
    assert answer.status_code == 200
    assert answer.json()["result"]["text"] == "menu"


async def test_an_answer_can_be_streamed(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    async with http.stream("POST", "sendMessage", json=SEND) as answer:
        assert b'"ok":true' in b"".join([chunk async for chunk in answer.aiter_raw()])


@pytest.mark.parametrize("form", ["query", "form", "multipart", "json"])
async def test_parameters_come_in_every_form(sandbox: Sandbox, http: httpx.AsyncClient, form: str) -> None:
    text = "a & я + 50%"
    params = {"chat_id": str(USER), "text": text}
    match form:
        case "query":
            answer = await http.get("sendMessage", params=params)
        case "form":
            answer = await http.post("sendMessage", data=params)
        case "multipart":
            answer = await http.post("sendMessage", files={name: (None, value) for name, value in params.items()})
        case _:
            answer = await http.post("sendMessage", json=params)
    assert answer.json()["result"]["text"] == text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b"[" * 200_000),
        ("application/json", b"\xff"),
        ("application/x-www-form-urlencoded", b"text=%ff"),
    ],
)
async def test_unreadable_parameters_are_a_bad_request(
    sandbox: Sandbox, http: httpx.AsyncClient, content_type: str, body: bytes
) -> None:
    answer = await http.post("sendMessage", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400


async def test_flood_answers_429_with_retry_after_and_no_effect(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    sandbox.faults.order("flood", retry_after=3)
    answer = await http.post("sendMessage", json=SEND)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3"
    assert answer.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    }
    assert menus(sandbox) == 0
    assert (await http.post("sendMessage", json=SEND)).status_code == 200


async def test_error_answers_a_json_5xx(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    sandbox.faults.order("error")
    answer = await http.post("sendMessage", json=SEND)
    assert (answer.status_code, answer.json()["description"]) == (500, "Internal Server Error: restart")
    assert menus(sandbox) == 0


async def test_html_is_no_json(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    sandbox.faults.order("html")
    answer = await http.post("sendMessage", json=SEND)
    assert answer.status_code == 502
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize(("kind", "effects"), [("cut_before", 0), ("cut_after", 1)])
async def test_a_cut_connection_may_or_may_not_have_had_its_effect(
    sandbox: Sandbox, http: httpx.AsyncClient, kind: str, effects: int
) -> None:
    sandbox.faults.order(kind)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post("sendMessage", json=SEND)
    assert menus(sandbox) == effects
    (call,) = sandbox.telegram.call_log.find("sendMessage")
    assert (call.took_effect, call.fault) == (bool(effects), kind)


async def test_an_error_may_come_after_the_effect(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    """A gateway that passed the request on and gave up waiting for the answer."""
    sandbox.faults.order("error_after", status=504)
    answer = await http.post("sendMessage", json=SEND)
    assert answer.status_code == 504
    assert menus(sandbox) == 1


async def test_slow_delays_the_effect_and_slow_after_only_the_answer(
    autojump_clock: MockClock, sandbox: Sandbox, http: httpx.AsyncClient, nursery: trio.Nursery
) -> None:
    sandbox.faults.order("slow", delay=5)
    nursery.start_soon(lambda: http.post("sendMessage", json=SEND))
    await trio.sleep(4)
    assert menus(sandbox) == 0
    await trio.sleep(2)
    assert menus(sandbox) == 1
    sandbox.faults.order("slow_after", delay=5)
    began = trio.current_time()
    with trio.move_on_after(4):
        await http.post("sendMessage", json=SEND)
    assert trio.current_time() - began == 4
    assert menus(sandbox) == 2


async def test_hang_ends_after_ten_minutes_at_last(
    autojump_clock: MockClock, sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    sandbox.faults.order("hang")
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post("sendMessage", json=SEND)
    assert trio.current_time() == 600
    assert menus(sandbox) == 0


async def test_a_fault_can_be_for_one_method_one_chat_and_several_calls(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    sandbox.faults.order("flood", method="SendMessage", chat_id=USER, count=2)
    statuses = [
        (await http.post(method, json={**SEND, "chat_id": chat_id})).status_code
        for method, chat_id in [
            ("getMe", USER),
            ("sendMessage", 8),
            ("sendMessage", USER),
            ("sendmessage", str(USER)),
            ("sendMessage", USER),
        ]
    ]
    assert statuses == [200, 403, 429, 429, 200]


async def test_a_lasting_fault_ends_when_cleared(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    sandbox.faults.order(FaultKind.ERROR, count=None)
    assert [(await http.get("getMe")).status_code for _ in range(5)] == [500] * 5
    sandbox.faults.clear()
    assert (await http.get("getMe")).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "earthquake"},
        {"kind": "error", "status": 200},
        {"kind": "slow", "delay": -1},
        {"kind": "flood", "count": 0},
    ],
)
def test_an_impossible_fault_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Sandbox().faults.order(**settings)  # type: ignore[arg-type]


async def test_cancelled_on_the_way_there_nothing_happened_and_on_the_way_back_it_did(
    autojump_clock: MockClock, sandbox: Sandbox
) -> None:
    async with client(sandbox.transport(latency=1)) as http:
        with trio.move_on_after(0.5):
            await http.post("sendMessage", json=SEND)
        assert menus(sandbox) == 0
        with trio.move_on_after(1.5):
            await http.post("sendMessage", json=SEND)
        assert menus(sandbox) == 1


async def test_a_shut_transport_reaches_nothing(sandbox: Sandbox) -> None:
    transport = sandbox.transport()
    async with client(transport) as http:
        transport.shut()
        with pytest.raises(httpx.ConnectError):
            await http.post("sendMessage", json=SEND)
    assert len(sandbox.telegram.call_log) == 0


@pytest.mark.parametrize("path", ["/", "/bot", f"/bot{DEMO_TOKEN}", "/botnonsense/getMe", "/file/x"])
async def test_a_path_that_is_no_call_is_not_found(sandbox: Sandbox, http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"http://sandbox{path}")
    assert (answer.status_code, answer.json()["description"]) == (404, "Not Found")
