"""The sandbox over real loopback sockets, asked by httpx and by raw bytes."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import pytest
import trio

from sandbox.api import HttpResponse, HttpStream
from sandbox.app import Sandbox
from sandbox.http_server import MAX_BODY, MAX_HEADERS, HttpRequest, serve
from sandbox.telegram import DEMO_TOKEN
from tests.peers import OK, ScriptedServer

USER = 7
BOT = f"/bot{DEMO_TOKEN}"
SEND = {"chat_id": USER, "text": "menu"}


@pytest.fixture
async def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
async def base_url(sandbox: Sandbox, nursery: trio.Nursery) -> str:
    url: str = await nursery.start(sandbox.run)
    return url


@pytest.fixture
async def http(sandbox: Sandbox, base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    sandbox.telegram.user_sends_text(USER, "/start")
    async with httpx.AsyncClient(base_url=base_url) as http:
        yield http


def menus(sandbox: Sandbox) -> int:
    return [message["text"] for message in sandbox.telegram.messages(USER)].count("menu")


async def raw(base_url: str, data: bytes) -> bytes:
    """What the server answers to these bytes until it closes or goes quiet for a moment."""
    answer = b""
    async with await trio.open_tcp_stream("127.0.0.1", httpx.URL(base_url).port or 0) as stream:
        await stream.send_all(data)
        await stream.send_eof()
        async for chunk in stream:
            answer += chunk
    return answer


@pytest.mark.parametrize("form", ["query", "form", "multipart", "json"])
async def test_parameters_come_in_every_form(http: httpx.AsyncClient, form: str) -> None:
    url, text = f"{BOT}/sendMessage", "a & я"
    params = {"chat_id": str(USER), "text": text}
    match form:
        case "query":
            answer = await http.get(url, params=params)
        case "form":
            answer = await http.post(url, data=params)
        case "multipart":
            answer = await http.post(url, files={name: (None, value) for name, value in params.items()})
        case _:
            answer = await http.post(url, json=params)
    assert answer.json()["result"]["text"] == text


async def test_flood_5xx_and_html_are_answers(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    for kind in ("flood", "error", "html"):
        sandbox.faults.order(kind)
    flood, error, html = [await http.post(f"{BOT}/sendMessage", json=SEND) for _ in range(3)]
    assert (flood.status_code, flood.headers["retry-after"], flood.json()["parameters"]) == (
        429,
        "1",
        {"retry_after": 1},
    )
    assert (error.status_code, error.json()["error_code"]) == (500, 500)
    assert (html.status_code, html.headers["content-type"]) == (502, "text/html")
    assert menus(sandbox) == 0


@pytest.mark.parametrize(("kind", "effects"), [("cut_before", 0), ("cut_after", 1)])
async def test_a_cut_closes_the_connection_and_the_server_goes_on(
    sandbox: Sandbox, http: httpx.AsyncClient, kind: str, effects: int
) -> None:
    sandbox.faults.order(kind)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post(f"{BOT}/sendMessage", json=SEND)
    assert menus(sandbox) == effects
    assert (await http.post(f"{BOT}/getMe")).status_code == 200


async def test_a_client_that_leaves_disturbs_nobody(sandbox: Sandbox, base_url: str, http: httpx.AsyncClient) -> None:
    sandbox.faults.order("hang", method="getMe")
    port = httpx.URL(base_url).port or 0
    for data in (b"", b"POST /bot", f"GET {BOT}/getMe HTTP/1.1\r\nHost: x\r\n\r\n".encode()):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(data)
        await trio.aclose_forcefully(stream)
    assert (await http.post(f"{BOT}/getUpdates")).status_code == 200


async def test_one_connection_serves_requests_one_after_another(base_url: str) -> None:
    request = f"GET {BOT}/getMe HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    answer = await raw(base_url, request * 3)
    assert answer.count(b"HTTP/1.1 200") == 3


async def test_connection_close_is_obeyed(base_url: str) -> None:
    answer = await raw(base_url, f"GET {BOT}/getMe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (MAX_HEADERS + 1), 431),
        (b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    ],
)
async def test_a_malformed_request_is_refused(base_url: str, data: bytes, status: int) -> None:
    assert (await raw(base_url, data)).startswith(b"HTTP/1.1 %d " % status)


async def test_a_body_over_the_limit_is_refused(http: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 65_536 + 1):
            yield b"x" * 65_536

    try:
        answer = await http.post(f"{BOT}/sendMessage", content=chunks())
    except httpx.WriteError:
        return  # The server closed while the rest was still being written.
    assert answer.status_code == 413


async def test_a_user_acts_and_looks_through_the_control_surface(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    keyboard = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
    sent = await http.post("/user/8/send", json={"text": "/start", "language_code": "ru"})
    menu = await http.post(f"{BOT}/sendMessage", json={"chat_id": 8, "text": "menu", "reply_markup": keyboard})
    message_id = menu.json()["result"]["message_id"]
    pressed = await http.post("/user/8/press", json={"message_id": message_id, "data": "yes"})
    assert pressed.json()["update_id"] == sent.json()["update_id"] + 1
    seen = (await http.get("/user/8/messages")).json()
    assert [message["text"] for message in seen["messages"]] == ["/start", "menu"]
    assert seen["messages"][0]["from"]["language_code"] == "ru"
    assert seen["messages"][1]["reply_markup"] == keyboard
    assert [press["answered"] for press in seen["presses"]] == [False]
    calls = (await http.get("/calls", params={"method": "sendMessage", "chat_id": 8})).json()["calls"]
    assert [(call["params"]["text"], call["status"]) for call in calls] == [("menu", 200)]
    assert (await http.post("/user/8/block")).status_code == 200
    assert (await http.post(f"{BOT}/sendMessage", json={"chat_id": 8, "text": "menu"})).status_code == 403


async def test_faults_are_ordered_and_taken_back_over_http(http: httpx.AsyncClient) -> None:
    order = {"kind": "error", "status": 503, "count": 2, "method": "getMe"}
    assert (await http.post("/faults", json=order)).json()["status"] == 503
    assert (await http.get(f"{BOT}/getMe")).status_code == 503
    assert [fault["count"] for fault in (await http.get("/faults")).json()["faults"]] == [1]
    await http.delete("/faults")
    assert (await http.get(f"{BOT}/getMe")).status_code == 200


async def test_rules_are_broken_and_mended_over_http(http: httpx.AsyncClient) -> None:
    documented = (await http.get("/rules")).json()
    assert documented == {"ids": "shared", "edits": "documented", "unseen_for": 0.0}
    broken = {"ids": "by_chat", "edits": "other_words", "unseen_for": 1.5}
    assert (await http.post("/rules", json={"edits": "other_words"})).json() == documented | {"edits": "other_words"}
    assert (await http.post("/rules", json=broken)).json() == broken
    answer = await http.post(f"{BOT}/editMessageText", json={"chat_id": USER, "message_id": 99, "text": "x"})
    assert answer.json()["description"] == "Bad Request: MESSAGE_ID_INVALID"
    assert (await http.post("/rules", json={"ids": "none"})).status_code == 400
    assert (await http.get("/rules")).json() == broken
    assert (await http.delete("/rules")).json() == documented


async def test_what_the_bot_was_let_send_is_told_over_http(sandbox: Sandbox, http: httpx.AsyncClient) -> None:
    """Whatever became of the answer, and to groups too."""
    sandbox.telegram.user_sends_text(USER, "hi", chat_type="group", chat_id=-5)
    sandbox.faults.order("cut_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post(f"{BOT}/sendMessage", json=SEND)
    sent = (await http.post(f"{BOT}/sendMessage", json=SEND | {"chat_id": -5})).json()["result"]["message_id"]
    (to_user, to_group) = (await http.get("/sent")).json()["sent"]
    assert (to_user["chat_id"], to_user["text"]) == (USER, "menu")
    assert (to_group["chat_id"], to_group["message_id"]) == (-5, sent)
    assert (await http.get("/sent", params={"chat_id": -5})).json()["sent"] == [to_group]
    assert (await http.get("/sent", params={"since": to_group["at"] + 1})).json()["sent"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/user/7/send", "{", 400),
        ("POST", "/user/7/send", "[]", 400),
        ("POST", "/user/7/send", "[" * 100_000, 400),
        ("POST", "/user/7/send", "{}", 400),
        ("POST", "/user/7/send", '{"text": ""}', 400),
        ("POST", "/user/7/press", '{"message_id": 99, "data": "x"}', 404),
        ("POST", "/user/7/press", '{"message_id": "1", "data": "x"}', 400),
        ("POST", "/user/12345/block", "", 404),
        ("POST", "/faults", '{"kind": "earthquake"}', 400),
        ("POST", "/faults", '{"kind": "slow", "speed": 5}', 400),
        ("POST", "/faults", '{"kind": "slow", "delay": NaN}', 400),
        ("POST", "/faults", '{"kind": "error", "status": 500.5}', 400),
        ("POST", "/faults", '{"kind": "error", "method": 5}', 400),
        ("GET", "/calls?status=good", "", 400),
        ("GET", "/sent?chat_id=somebody", "", 400),
        ("POST", "/rules", '{"colour": "red"}', 400),
        ("POST", "/rules", '{"unseen_for": NaN}', 400),
        ("GET", "/user/7/send", "", 405),
        ("GET", "/user/x/messages", "", 404),
        ("GET", "/nowhere", "", 404),
    ],
)
async def test_a_wrong_order_is_answered_with_what_is_wrong(
    http: httpx.AsyncClient, method: str, path: str, body: str, status: int
) -> None:
    answer = await http.request(method, path, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_the_chat_page_needs_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert DEMO_TOKEN not in page.text


async def test_a_taken_port_is_an_error(base_url: str) -> None:
    with pytest.RaisesGroup(OSError, flatten_subgroups=True, allow_unwrapped=True):
        await Sandbox().run(port=httpx.URL(base_url).port or 0)


async def test_the_sandbox_delivers_over_sockets_one_update_after_another(
    sandbox: Sandbox, nursery: trio.Nursery
) -> None:
    webhook = ScriptedServer(OK, OK)
    await nursery.start(webhook.serve)
    await nursery.start(sandbox.run)
    sandbox.telegram.call(DEMO_TOKEN, "setWebhook", {"url": f"{webhook.url}/hook"})
    for text in ("first", "second"):
        sandbox.telegram.user_sends_text(USER, text)
    with trio.fail_after(10):
        await webhook.finished.wait()
    first, second = webhook.requests
    assert [b'"text":"first"' in first, b'"text":"second"' in second] == [True, True]
    host = webhook.url.removeprefix("http://").encode()
    assert first.startswith(b"POST /hook HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/json\r\n")


async def test_a_fault_of_the_handler_ends_nothing(
    nursery: trio.Nursery, faults_of_stand_ins: list[logging.LogRecord]
) -> None:
    """It is answered with 500 and logged with where it was, without the token."""

    async def handle(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError(request.target)

    port: int = await nursery.start(serve, handle, 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for target in (f"{BOT}/getMe?a=1", f"/file{BOT}/a.png", "/calls"):
            assert (await http.get(target)).status_code == 500
    logged = [record.getMessage() for record in faults_of_stand_ins]
    assert logged == [f"GET {path} could not be answered" for path in ("/bot.../getMe", "/bot.../a.png", "/calls")]
    assert all(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in faults_of_stand_ins)
    faults_of_stand_ins.clear()


async def test_an_answer_that_breaks_off_ends_its_own_connection_only(
    nursery: trio.Nursery, faults_of_stand_ins: list[logging.LogRecord]
) -> None:
    """A header that HTTP has no room for, and a stream that fails on its way: both are logged."""

    async def fail() -> AsyncGenerator[bytes, None]:
        yield b"begun"
        raise ZeroDivisionError

    async def handle(request: HttpRequest) -> HttpResponse | HttpStream:
        if request.target == "/stream":
            return HttpStream(200, [], fail())
        return HttpResponse(200, [("Content-Type", "é")] if request.target == "/header" else [], b"")

    port: int = await nursery.start(serve, handle, 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for target in ("/header", "/stream"):
            with pytest.raises(httpx.RemoteProtocolError):
                await http.get(target)
        assert (await http.get("/")).status_code == 200
    assert [record.getMessage() for record in faults_of_stand_ins] == ["an answer broke off"] * 2
    faults_of_stand_ins.clear()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "telegram.internal"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Host": "evil.example"}, 403),
    ],
)
async def test_pages_of_other_origins_may_not_use_the_token(
    http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    """Everybody knows the demo's: an image of any page in the same browser could else set the bot's webhook."""
    assert (await http.get(f"{BOT}/getMe", headers=headers)).status_code == status
