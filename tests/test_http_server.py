"""The real HTTP server on real loopback sockets: what breaks Hypercorn's own, and what does not break this one."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import hypercorn.protocol
import hypercorn.trio
import hypercorn.trio.run
import hypercorn.trio.tcp_server
import pytest
import trio
import trio.testing
from hypercorn.config import Config
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from quart_trio import QuartTrio

from statemachine import Lifecycle
from svc.intake import http_server
from svc.intake.http_app import App, make_app, make_pages
from svc.intake.http_server import ConfigError, load_config, serve_http
from svc.intake.webhook import Webhook
from svc.observability.metrics import Metrics
from svc.storage.inbox import Received
from tests.harness import SECRET, Logs, captured_logs

HANGS = 3.0
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
UPGRADE = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
H2C = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"

# Each of them ends the whole process under Hypercorn's own connection class.
DEADLY = {
    "a trailing byte": UPGRADE + KEY + VERSION + b"\r\nx",
    "a body": UPGRADE + KEY + VERSION + b"Content-Length: 3\r\n\r\nabc",
    "a chunked body": UPGRADE + KEY + VERSION + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "extensions not ASCII": UPGRADE + KEY + VERSION + b"Sec-WebSocket-Extensions: \xff\r\n\r\n",
    "protocol not ASCII": UPGRADE + KEY + VERSION + b"Sec-WebSocket-Protocol: \xff\r\n\r\n",
    "connection not ASCII": HEAD + b"Connection: \xff, Upgrade\r\nUpgrade: websocket\r\n" + KEY + VERSION + b"\r\n",
}
ODD = {
    "a good upgrade": UPGRADE + KEY + VERSION + b"\r\n",
    "a wrong version": UPGRADE + KEY + b"Sec-WebSocket-Version: 99\r\n\r\n",
    "a wrong version and a byte": UPGRADE + KEY + b"Sec-WebSocket-Version: 99\r\n\r\nx",
    "a version not ASCII": UPGRADE + KEY + b"Sec-WebSocket-Version: \xff\r\n\r\n",
    "no key": UPGRADE + VERSION + b"\r\n",
    "no key and bytes": UPGRADE + VERSION + b"\r\nxyz",
    "an upgrade in HTTP/1.0": UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0") + KEY + VERSION + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "zeros": bytes(100),
    "a request line without end": b"GET /" + b"a" * 70_000,
    "a method not ASCII": b"G\xffT / HTTP/1.1\r\nHost: x\r\n\r\n",
    "headers not ASCII": HEAD + b"Cookie: \xff=\xfe\r\nX-Forwarded-For: \xff\r\n\r\n",
    "a negative length": b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "an endless length": b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "escapes that are none": b"GET /%ff%00%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is no URL": b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without path": b"GET ?x HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "h2c": H2C + b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "h2c with broken settings": H2C + b"HTTP2-Settings: \xff!!\r\n\r\n",
    "h2c without settings": HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "the HTTP/2 preface and garbage": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + b"\xff" * 64,
}


class Server:
    """A server that runs, and what was stored through it."""

    def __init__(self, logs: Logs) -> None:
        self.port = 0
        self.logs = logs
        self.stop = trio.Event()
        self.ended = trio.Event()
        self.stored: list[Received] = []
        self.store_may_return = trio.Event()
        self.store_may_return.set()

    async def store(self, update: Received) -> bool:
        await self.store_may_return.wait()
        self.stored.append(update)
        return True

    async def client(self) -> Client:
        return Client(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def is_well(self) -> None:
        """A fresh client is served."""
        async with await self.client() as client:
            assert await client.ask(HEALTHZ) == 200

    async def shut_down(self) -> float:
        """Stop; the seconds that it took."""
        began = trio.current_time()
        self.stop.set()
        with trio.fail_after(HANGS):
            await self.ended.wait()
        return trio.current_time() - began


class Client:
    """One connection, and what is read but not used of it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._read = b""

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await trio.aclose_forcefully(self.stream)

    async def ask(self, request: bytes) -> int:
        await self.stream.send_all(request)
        return await self.answer()

    async def answer(self) -> int:
        """The status of the next answer; its body is skipped."""
        with trio.fail_after(HANGS):
            while b"\r\n\r\n" not in self._read:
                await self._more()
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            first, *lines = head.lower().split(b"\r\n")
            headers = dict(line.split(b": ", 1) for line in lines)
            length = int(headers.get(b"content-length", b"0"))
            while len(self._read) < length:
                await self._more()
            self._read = self._read[length:]
            return int(first.split()[1])

    async def _more(self) -> None:
        data = await self.stream.receive_some(65536)
        assert data, f"closed after {self._read!r}"
        self._read += data

    async def closed(self) -> None:
        """Return once the server has closed; whatever it still sends is skipped."""
        with trio.fail_after(HANGS):
            try:
                while await self.stream.receive_some(65536):
                    pass
            except trio.BrokenResourceError:
                return


def post(body: bytes, *, length: int | None = None, secret: str = SECRET) -> bytes:
    return (
        f"POST /webhook HTTP/1.1\r\nHost: x\r\nX-Telegram-Bot-Api-Secret-Token: {secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    ).encode() + body


def our_app(server: Server) -> App:
    async def answers() -> bool:
        await trio.lowlevel.checkpoint()
        return True

    metrics = Metrics()
    hints, _ = trio.open_memory_channel[Received](1000)
    return make_app(
        webhook=Webhook(server.store, hints, secret=SECRET, metrics=metrics),
        pages=make_pages(Lifecycle(lambda _: None), metrics, instance="one", database_answers=answers),
    )


def plain_app(_server: Server) -> Any:
    """What anybody would write with Quart-Trio."""
    app = QuartTrio("plain")

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {}

    return app


@contextmanager
def stock_hypercorn() -> Iterator[None]:
    """Hypercorn's own classes back in their places."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypercorn.trio.run, "TCPServer", TCPServer)
        patch.setattr(hypercorn.trio.tcp_server, "TaskGroup", TaskGroup)
        patch.setattr(hypercorn.protocol, "H11Protocol", H11Protocol)
        yield


@asynccontextmanager
async def serving(
    make: Callable[[Server], Any] = our_app, *, stock: bool = False, **options: Any
) -> AsyncIterator[Server]:
    """A server on a free port; shut down at the end of the block if it is not yet."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = logging.getLogger("hypercorn.error")
    for name, value in options.items():
        setattr(config, name, value)
    with captured_logs() as logs:
        server = Server(logs)
        app = make(server)

        async def serve(task_status: trio.TaskStatus[list[str]]) -> None:
            try:
                if stock:
                    await hypercorn.trio.serve(
                        app, config, shutdown_trigger=server.stop.wait, mode="asgi", task_status=task_status
                    )
                else:
                    await serve_http(app, config, server.stop.wait, task_status=task_status)
            finally:
                server.ended.set()

        async with trio.open_nursery() as nursery:
            (bind,) = await nursery.start(serve)
            server.port = int(bind.rpartition(":")[2])
            await trio.testing.wait_all_tasks_blocked()  # so that `tasks` counts all of the server's own
            yield server
            await server.shut_down()


def tasks() -> int:
    """How many tasks exist in this run."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    count, todo = 0, [root]
    while todo:
        task = todo.pop()
        count += 1
        todo += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return count


async def tasks_are(expected: int) -> None:
    """Return once there are as many tasks as `expected`: those of a closed connection end a moment later."""
    with trio.move_on_after(HANGS):
        while tasks() != expected:
            await trio.testing.wait_all_tasks_blocked(0.005)
    assert tasks() == expected


# Malformed requests


@pytest.mark.parametrize("request_bytes", [*DEADLY.values(), *ODD.values()], ids=[*DEADLY, *ODD])
async def test_a_malformed_request_harms_nobody_else(request_bytes: bytes) -> None:
    """Whatever one client sends, the server answers the next one, logs one line at most and keeps no task of it."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            await client.stream.send_all(request_bytes)
            await client.stream.send_eof()
            await client.closed()
        await server.is_well()
        await tasks_are(before)
        assert len(server.logs.lines) <= 1
        assert server.logs.errors() == []
        assert server.stored == []


@pytest.mark.parametrize("request_bytes", DEADLY.values(), ids=DEADLY)
async def test_the_same_bytes_end_a_stock_server(request_bytes: bytes) -> None:
    """The guard is needed: Hypercorn's own connection takes the whole server down."""
    with stock_hypercorn(), pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 (the server raises at the end)
        async with serving(plain_app, stock=True) as server:
            async with await server.client() as client:
                await client.stream.send_all(request_bytes)
                await client.closed()
            with trio.fail_after(HANGS):
                await server.ended.wait()
    assert caught.group_contains(Exception, match=r"state is ERROR|can't handle event|can't decode|another task")


async def test_an_upgrade_is_answered_as_the_request_it_is() -> None:
    """An Upgrade header is not taken up, and the connection is usable afterwards."""
    async with serving() as server, await server.client() as client:
        assert await client.ask(UPGRADE + KEY + VERSION + b"\r\n") == 200
        assert await client.ask(H2C + b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n") == 200
        assert await client.ask(HEALTHZ) == 200


async def test_bytes_sent_after_a_refused_upgrade_harm_nobody() -> None:
    """Data behind an upgrade, sent once its answer is there, ends that connection only."""
    async with serving() as server:
        async with await server.client() as client:
            assert await client.ask(UPGRADE + KEY + VERSION + b"\r\n") == 200
            assert await client.ask(b"\x81\x85frame\r\n\r\n") == 400
            await client.closed()
        await server.is_well()


async def test_an_unforeseen_error_ends_its_connection_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the protocol's code is one line, and the end of one connection."""
    original = http_server._Http11.handle

    async def handle(self: Any, event: Any) -> None:
        if b"poison" in getattr(event, "data", b""):
            raise RuntimeError("poisoned")
        await original(self, event)

    monkeypatch.setattr(http_server._Http11, "handle", handle)
    async with serving() as server:
        before = tasks()
        async with await server.client() as client, await server.client() as other:
            assert await other.ask(HEALTHZ) == 200
            await client.stream.send_all(b"poison")
            await client.closed()
            assert await other.ask(HEALTHZ) == 200
        await tasks_are(before)
        assert [(line["event"], line["error"]) for line in server.logs.lines] == [
            ("CONNECTION", "RuntimeError: poisoned")
        ]


async def test_half_a_request_harms_nobody() -> None:
    """A client that closes, or resets, within the headers leaves nothing behind."""
    async with serving() as server:
        before = tasks()
        for half in (b"", b"G", b"GET /healthz HTTP/1.1\r\nHo"):
            async with await server.client() as client:
                await client.stream.send_all(half)
        async with await server.client() as client:
            await client.stream.send_all(HEALTHZ)
        await server.is_well()
        await tasks_are(before)
        assert server.logs.errors() == []


# Bodies


@pytest.mark.parametrize("path", [b"/healthz", b"/nowhere"])
async def test_a_client_that_leaves_within_its_body_leaves_nothing(path: bytes) -> None:
    """Pages: no traceback, no task."""
    async with serving() as server:
        before = tasks()
        for _ in range(10):
            async with await server.client() as client:
                await client.stream.send_all(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome" % path)
        await server.is_well()
        await tasks_are(before)
        assert server.logs.errors() == []


async def test_a_webhook_that_breaks_off_is_one_line() -> None:
    """/webhook: a body cut off leaves HANGUP in the log, nothing stored, no traceback, no task."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            await client.stream.send_all(post(b'{"update_id":1', length=100))
        await tasks_are(before)
        await server.is_well()
        assert server.logs.names() == ["HANGUP"]
        assert server.stored == []


async def test_a_client_that_leaves_before_its_answer_has_still_stored() -> None:
    """Once the body is whole its update is stored, though nobody waits for the 200; no traceback."""
    async with serving() as server:
        before = tasks()
        server.store_may_return = trio.Event()
        async with await server.client() as client:
            await client.stream.send_all(post(b'{"update_id":1}'))
            await tasks_are(before + 3)
        server.store_may_return.set()
        await tasks_are(before)
        assert [update.update_id for update in server.stored] == [1]
        assert server.logs.names() == ["ENQUEUED"]


def in_crumbs(request: bytes) -> bytes:
    """A request with a chunked body of 300 crumbs, so that all of it is there before anybody answers."""
    head = b"\r\n".join(line for line in request.split(b"\r\n") if not line.startswith(b"Content-Length"))
    return head[:-4] + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 300 + b"0\r\n\r\n"


UNREAD = {
    "no secret, long": (post(b"", length=4_000_000, secret="wrong"), 401),
    "no secret, crumbs": (in_crumbs(post(b"", secret="wrong")), 401),
    "too long": (post(b"", length=4_000_000), 413),
    "wrong method, long": (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n", 405),
    "wrong method, crumbs": (in_crumbs(b"POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), 405),
}


async def send_all_of(client: Client, request: bytes) -> None:
    """Send a request whose body, of 4 MB if it has a length, may not be wanted."""
    try:
        await client.stream.send_all(request)
        if b"4000000" in request:
            for _ in range(400):
                await client.stream.send_all(bytes(10_000))
    except trio.BrokenResourceError:
        return


@pytest.mark.parametrize(("request_head", "status"), UNREAD.values(), ids=UNREAD)
async def test_a_body_that_nobody_reads_holds_nobody_up(request_head: bytes, status: int) -> None:
    """Refused before its body was read, a request is answered, its connection lives on or closes, its tasks end."""
    async with serving(graceful_timeout=5) as server:
        before = tasks()
        for _ in range(10):
            async with await server.client() as client, trio.open_nursery() as nursery:
                nursery.start_soon(send_all_of, client, request_head)
                assert await client.answer() == status
                nursery.cancel_scope.cancel()
        await tasks_are(before)
        assert server.logs.errors() == []
        assert await server.shut_down() < 1.0


def late_app(server: Server) -> App:
    """One that answers an update without reading it, once all of it that has room is waiting."""

    async def webhook(_scope: Any, _receive: Any, send: Any) -> None:
        await trio.testing.wait_all_tasks_blocked(0.01)
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    return make_app(webhook=webhook, pages=our_app(server))


async def tasks_left_by_an_unread_body() -> int:
    """How many tasks stay when the client of `late_app` has its answer and is gone."""
    async with serving(late_app, graceful_timeout=0.1) as server:
        before = tasks()
        async with await server.client() as client:
            await send_all_of(client, in_crumbs(post(b"")))
            assert await client.answer() == 413
        with trio.move_on_after(0.3):
            while tasks() > before:
                await trio.testing.wait_all_tasks_blocked(0.005)
        return tasks() - before


async def test_a_body_that_is_waiting_when_its_answer_ends_is_dropped() -> None:
    """The end of an answer does not wait for room in front of an app that will not read; stock Hypercorn's does."""
    assert await tasks_left_by_an_unread_body() == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypercorn.trio.tcp_server, "TaskGroup", TaskGroup)
        assert await tasks_left_by_an_unread_body() > 0


# Keep-alive


async def test_a_hundred_requests_use_one_connection() -> None:
    """Pages and updates in turn, all answered on one connection, which then ends with its client."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            for number in range(100):
                assert await client.ask(HEALTHZ if number % 2 else post(b'{"update_id":%d}' % number)) == 200
        assert len(server.stored) == 50
        await tasks_are(before)


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Requests sent without waiting are answered one after the other."""
    async with serving() as server, await server.client() as client:
        missing = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
        await client.stream.send_all(HEALTHZ + post(b'{"update_id":1}') + missing + post(b"[]") + HEALTHZ)
        assert [await client.answer() for _ in range(5)] == [200, 200, 404, 400, 200]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nowhere"])
async def test_an_idle_connection_is_closed_after_a_page(path: str) -> None:
    """keep_alive_timeout holds behind Quart's pages, where Hypercorn alone never closes."""
    async with serving(keep_alive_timeout=0.2) as server:
        before = tasks()
        async with await server.client() as client:
            await client.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await client.closed()
            await tasks_are(before)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nowhere"])
@pytest.mark.parametrize("head", ["HTTP/1.0", "HTTP/1.1\r\nConnection: close"])
async def test_a_connection_not_to_be_kept_is_closed_behind_its_page(path: str, head: str) -> None:
    """HTTP/1.0, or Connection: close: the answer, and then the end, without waiting for the client's."""
    async with serving() as server:
        before = tasks()
        async with await server.client() as client:
            await client.ask(f"GET {path} {head}\r\nHost: x\r\n\r\n".encode())
            await client.closed()
            await tasks_are(before)


async def test_an_idle_connection_is_closed_after_an_update() -> None:
    """keep_alive_timeout counts from the last answer, not from the first."""
    async with serving(keep_alive_timeout=0.3) as server, await server.client() as client:
        for number in range(4):
            assert await client.ask(post(b'{"update_id":%d}' % number)) == 200
            last = trio.current_time()
            with trio.move_on_after(0.15):
                await client.closed()
        await client.closed()
        assert 0.25 < trio.current_time() - last < 2.0


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHo"])
async def test_a_connection_that_never_asks_is_closed(sent: bytes) -> None:
    """One that sends nothing, or never ends its headers, is idle too."""
    async with serving(keep_alive_timeout=0.2) as server, await server.client() as client:
        await client.stream.send_all(sent)
        await client.closed()


async def test_a_request_at_work_is_not_idle() -> None:
    """A request that takes longer than keep_alive_timeout is finished."""
    async with serving(keep_alive_timeout=0.1) as server, await server.client() as client:
        server.store_may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        with trio.move_on_after(0.3):
            await client.closed()
            raise AssertionError("closed before its answer")
        server.store_may_return.set()
        assert await client.answer() == 200


# Shutdown


async def test_an_idle_client_does_not_delay_the_shutdown() -> None:
    """Connections that wait between two requests, after a page or an update, are closed at once."""
    async with serving(graceful_timeout=5) as server, await server.client() as one, await server.client() as two:
        assert await one.ask(HEALTHZ) == 200
        assert await one.ask(UPGRADE + VERSION + b"\r\n") == 200
        assert await two.ask(post(b'{"update_id":1}')) == 200
        assert await server.shut_down() < 1.0
        await one.closed()
        await two.closed()


async def test_a_stock_server_waits_for_its_idle_clients() -> None:
    """The mending is needed: with plain Quart-Trio one idle client costs the whole graceful_timeout."""
    with stock_hypercorn():
        async with serving(plain_app, stock=True, graceful_timeout=0.5) as server, await server.client() as client:
            assert await client.ask(HEALTHZ) == 200
            assert await server.shut_down() >= 0.45


async def test_a_request_in_flight_is_finished() -> None:
    """Shutting down, the server answers what it has begun, and then ends."""
    async with serving(graceful_timeout=5) as server, await server.client() as client:
        before = tasks()
        server.store_may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await tasks_are(before + 1)
        server.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        server.store_may_return.set()
        assert await client.answer() == 200
        await client.closed()
        assert await server.shut_down() < 1.0
        assert len(server.stored) == 1


async def test_a_request_that_never_ends_is_given_the_graceful_timeout() -> None:
    """Shutting down has a limit."""
    async with serving(graceful_timeout=0.3) as server, await server.client() as client:
        before = tasks()
        server.store_may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await tasks_are(before + 1)
        assert 0.25 < await server.shut_down() < 2.0
        server.store_may_return.set()


# Where it listens


async def test_an_address_in_use_is_named() -> None:
    """The error says which address cannot be had."""
    with trio.socket.socket() as taken:
        await taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(BaseExceptionGroup) as caught:
            async with serving(bind=[f"127.0.0.1:{port}"]):
                raise AssertionError("it is taken")
    assert caught.group_contains(OSError, match=f"127.0.0.1:{port}.*in use")
    del caught
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Hypercorn leaves the socket that it could not bind
        gc.collect()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_config_beside_the_program_is_the_default(folder: Path) -> None:
    """Without a file in the working folder the one of the repository counts."""
    assert load_config(None, None).bind == ["0.0.0.0:8080"]
    assert load_config(None, 9000).bind == ["0.0.0.0:9000"]


def test_the_config_of_the_working_folder_comes_first(folder: Path) -> None:
    """A hypercorn.toml in the working folder replaces the other one."""
    (folder / "hypercorn.toml").write_text('bind = ["127.0.0.1:1234"]\ngraceful_timeout = 1')
    config = load_config(None, None)
    assert (config.bind, config.graceful_timeout) == (["127.0.0.1:1234"], 1)


@pytest.mark.parametrize(
    ("bind", "overridden"),
    [
        ('["127.0.0.1:1", "[::1]:1"]', ["127.0.0.1:7", "[::1]:7"]),
        ('"0.0.0.0:1"', ["0.0.0.0:7"]),
        ('"127.0.0.1"', ["127.0.0.1:7"]),
        ('"[::1]"', ["[::1]:7"]),
        ('["unix:/run/svc.sock", "fd://3", "localhost:1"]', ["unix:/run/svc.sock", "fd://3", "localhost:7"]),
    ],
)
def test_a_port_replaces_that_of_every_bind(folder: Path, bind: str, overridden: list[str]) -> None:
    """PORT counts for every address that has a port."""
    (folder / "hypercorn.toml").write_text(f"bind = {bind}")
    assert load_config(None, 7).bind == overridden


@pytest.mark.parametrize(
    "content",
    [
        b"bind = [",
        b"bind = 5",
        b"bind = [5]",
        b"\xff\xfe",
        b'keep_alive_timeout = "long"',
        b"graceful_timeout = [1]",
        b"backlog = true",
    ],
)
def test_a_broken_config_is_one_line(folder: Path, content: bytes) -> None:
    """ConfigError names the file in one line, whatever is wrong with it."""
    (folder / "hypercorn.toml").write_bytes(content)
    for port in (None, 9000):
        with pytest.raises(ConfigError) as caught:
            load_config(None, port)
        assert "hypercorn.toml" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_a_missing_config_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ConfigError says where it was looked for."""
    monkeypatch.setattr(http_server, "__file__", str(folder / "svc" / "http_server.py"))
    with pytest.raises(ConfigError, match=r"hypercorn\.toml is neither in"):
        load_config(None, None)
