"""Each of our fixes to Hypercorn: what it is needed for, that it works, and that it is in place only while we serve."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import h11
import pytest
import trio
import trio.testing
from hypercorn.config import Config
from hypercorn.events import Closed, RawData
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from quart_trio import QuartTrio

import svc
from svc.intake import hypercorn_fixes as fixes
from svc.intake.hypercorn_connections import (
    BODIES_AT_ONCE,
    CLOSING_AT_ONCE,
    FastConnection,
    SafeConnection,
)
from svc.intake.hypercorn_fixes import FIXES, PlainHttp11, hypercorn_fixes
from svc.intake.middleware import answer
from tests.serving import (
    H2C,
    HANGS,
    HEAD,
    HEALTHZ,
    KEY,
    UPGRADE,
    VERSION,
    Server,
    in_small_chunks,
    plain_app,
    post,
    send_all_of,
    serving,
    tasks,
    tasks_are,
)

# Each of them ends the whole process under Hypercorn's own connection class.
DEADLY = {
    "a trailing byte": UPGRADE + KEY + VERSION + b"\r\nx",
    "a body": UPGRADE + KEY + VERSION + b"Content-Length: 3\r\n\r\nabc",
    "a chunked body": UPGRADE + KEY + VERSION + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "extensions not ASCII": UPGRADE + KEY + VERSION + b"Sec-WebSocket-Extensions: \xff\r\n\r\n",
    "protocol not ASCII": UPGRADE + KEY + VERSION + b"Sec-WebSocket-Protocol: \xff\r\n\r\n",
    "connection not ASCII": HEAD + b"Connection: \xff, Upgrade\r\nUpgrade: websocket\r\n" + KEY + VERSION + b"\r\n",
}


def app_that(responds: Callable[[Any, Any], Awaitable[None]]) -> QuartTrio:
    """An application that responds so to every request, by `receive` and `send`."""
    app = QuartTrio("odd")
    quart = app.asgi_app

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await responds(receive, send)
        else:
            await quart(scope, receive, send)

    app.asgi_app = handle  # type: ignore[method-assign]
    return app


# Safety


async def test_an_unforeseen_error_ends_its_connection_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the protocol's code is one line, and the end of one connection."""
    original = PlainHttp11.handle

    async def handle(self: Any, event: Any) -> None:
        if b"poison" in getattr(event, "data", b""):
            raise RuntimeError("poisoned")
        await original(self, event)

    monkeypatch.setattr(PlainHttp11, "handle", handle)
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


class Closing:
    """A stream that another task is closing, and the protocol of its connection."""

    def __init__(self) -> None:
        self.handled: list[object] = []

    async def send_all(self, _data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        raise trio.BusyResourceError

    async def handle(self, event: object) -> None:
        await trio.lowlevel.checkpoint()
        self.handled.append(event)


async def test_an_answer_that_meets_the_closing_is_dropped() -> None:
    """It came too late, as on a connection that is closed already; a stock connection raises."""
    closing = Closing()
    made: list[TCPServer] = [
        cls(cast(Any, None), Config(), WorkerContext(None), cast(Any, ConnectionState({})), cast(Any, closing))
        for cls in (SafeConnection, FastConnection, TCPServer)
    ]
    for connection in made:
        connection.protocol = cast(Any, closing)
    *ours, stock = made
    for connection in ours:
        await connection.protocol_send(RawData(b"too late"))
    assert closing.handled == [Closed(), Closed()]
    with pytest.raises(trio.BusyResourceError):
        await stock.protocol_send(RawData(b"too late"))


@pytest.mark.parametrize("request_bytes", DEADLY.values(), ids=DEADLY)
async def test_a_deadly_request_harms_nobody_else(request_bytes: bytes) -> None:
    """The server answers the next client, logs one line at most and keeps no task of this one."""
    async with serving() as server:
        async with await server.client() as client:
            await client.stream.send_all(request_bytes)
            await client.hang_up()
        await server.is_well()
        await tasks_are(server.tasks_at_rest)
        assert len(server.logs.lines) <= 1
        assert server.logs.errors() == []


@pytest.mark.parametrize("request_bytes", DEADLY.values(), ids=DEADLY)
async def test_the_same_bytes_end_a_stock_server(request_bytes: bytes) -> None:
    """Hypercorn's own connection takes the whole server down."""
    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 (the server raises at the end)
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


@pytest.mark.parametrize("asked", [HEALTHZ, post(b'{"update_id":1}')], ids=["a page", "an update"])
@pytest.mark.parametrize("behind", [b"\r\n\r\n", b"x" * 100_000, HEALTHZ], ids=["blank lines", "bytes", "a request"])
async def test_bytes_behind_the_last_request_cost_no_answer(asked: bytes, behind: bytes) -> None:
    """A request that asks to close is answered, whatever comes behind it; then the connection ends, and its tasks."""
    request = asked.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n")
    async with serving() as server:
        async with await server.client() as client:
            assert await client.ask(request + behind) == 200
            await client.closed()
        await tasks_are(server.tasks_at_rest)
        assert server.logs.errors() == []


@pytest.mark.parametrize("length", [15, 100])
async def test_a_request_with_two_lengths_is_refused(length: int) -> None:
    """Chunked and with a Content-Length, true or not: 400, once, and the end of the connection; nothing is stored. What
    stands behind it is not taken for a request: to a proxy it may have been the body.
    """
    request_head, _, body = post(b'{"update_id":1}', length=length).partition(b"\r\n\r\n")
    chunked = b"\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with serving() as server:
        async with await server.client() as client:
            assert await client.ask(request_head + chunked + HEALTHZ) == 400
            await client.closed()
        assert server.store.stored == {}
        await server.is_well()


MANY = b"a:b\r\n" * 10_000


@pytest.mark.parametrize(
    "flood",
    [
        HEAD + MANY + b"\r\n",
        HEAD + MANY[:5000] + b"\r\n",
        in_small_chunks(post(b"")).removesuffix(b"\r\n") + MANY + b"\r\n",
    ],
    ids=["headers", "fewer headers", "trailers"],
)
async def test_a_flood_of_headers_is_refused(flood: bytes) -> None:
    """Ten thousand in one write are too many, or a thousand headers, though they come whole: nobody reads them."""
    async with serving(h11_max_incomplete_size=8192) as server:
        async with await server.client() as client:
            await client.stream.send_all(flood)
            assert await client.answer() == 431
            await client.closed()
        assert server.logs.errors() == []
        await server.is_well()


async def test_nobody_works_for_who_has_gone() -> None:
    """Of the requests that a client has sent at once, those behind the one at which it left are not begun."""
    asked: list[str] = []

    def listing_app(server: Server) -> QuartTrio:
        app = plain_app(server)
        app.before_request(lambda: asked.append("once"))
        return app

    async with serving(listing_app) as server:
        async with await server.client() as client:
            await client.stream.send_all(HEALTHZ * 100)
            await client.answer()
            # A reset, not a wish to send no more.
            client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await tasks_are(server.tasks_at_rest)
    assert 0 < len(asked) < 100


def stubborn_app(_server: Server) -> QuartTrio:
    """One that answers when it is told that the client has gone."""

    async def answer_to_nobody(receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await answer(send, 400)

    return app_that(answer_to_nobody)


async def test_a_refusal_is_the_only_answer() -> None:
    """What an application says after its connection has answered in its place is dropped, and is no error."""
    async with serving(stubborn_app, first_request_timeout=0.1) as server:
        async with await server.client() as client:
            await client.stream.send_all(post(b"", length=10))
            assert await client.answer() == 408
            await client.closed()
        await tasks_are(server.tasks_at_rest)
        assert server.logs.lines == []


def late_app(_server: Server) -> QuartTrio:
    """One that answers an update without reading it, once all of it that has room is waiting."""

    async def refuse_late(_receive: Any, send: Any) -> None:
        await trio.testing.wait_all_tasks_blocked(0.01)
        await answer(send, 413)

    return app_that(refuse_late)


async def tasks_left_by_an_unread_body() -> int:
    """How many tasks stay when the client of `late_app` has its answer and is gone."""
    async with serving(late_app, graceful_timeout=0.1) as server:
        async with await server.client() as client:
            await send_all_of(client, in_small_chunks(post(b"")))
            assert await client.answer() == 413
        await trio.testing.wait_all_tasks_blocked(0.05)
        return tasks() - server.tasks_at_rest


async def test_a_body_that_is_waiting_when_its_answer_ends_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of an answer does not wait for room in front of an app that will not read; stock Hypercorn's does."""
    assert await tasks_left_by_an_unread_body() == 0
    others = tuple(fix for fix in FIXES if fix[1] != "TaskGroup")
    monkeypatch.setattr(fixes, "FIXES", others)
    assert await tasks_left_by_an_unread_body() > 0


# Speed


async def test_nothing_empty_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of an answer with a Content-Length has no bytes: no system call is made for it, as by a stock server."""
    written: list[bytes] = []
    original = trio.SocketStream.send_all

    async def send_all(self: trio.SocketStream, data: bytes) -> None:
        written.append(bytes(data))
        await original(self, data)

    monkeypatch.setattr(trio.SocketStream, "send_all", send_all)
    for stock in (False, True):
        async with serving(stock=stock) as server, await server.client() as client:
            assert await client.ask(post(b'{"update_id":1}')) == 200
            await client.hang_up()
            await tasks_are(server.tasks_at_rest)
        assert (b"" in written) == stock
        written.clear()


class Spawned(trio.abc.Instrument):
    """Counts the tasks that are started."""

    def __init__(self) -> None:
        self.count = 0

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self.count += 1


IN_ONE_PIECE = post(b'{"update_id":1}')
LENGTH_IS_NO_NUMBER = b"POST /webhook HTTP/1.1\r\nHost: svc\r\nContent-Length: x\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "stock", "tasks_a_request"),
    [((IN_ONE_PIECE,), False, 0), ((IN_ONE_PIECE[:9], IN_ONE_PIECE[9:]), False, 1), ((IN_ONE_PIECE,), True, 2)],
    ids=["whole", "in pieces", "stock"],
)
async def test_a_whole_post_costs_no_task(pieces: tuple[bytes, ...], stock: bool, tasks_a_request: int) -> None:
    """Any other request costs one, which runs the application; a stock server starts another one, to watch for
    idleness.
    """
    async with serving(stock=stock) as server, await server.client() as client:
        assert await client.ask(IN_ONE_PIECE) == 200
        spawned = Spawned()
        trio.lowlevel.add_instrument(spawned)
        for _ in range(10):
            for piece in pieces:
                await client.stream.send_all(piece)
                await trio.testing.wait_all_tasks_blocked(0.01)
            assert await client.answer() == 200
        trio.lowlevel.remove_instrument(spawned)
        await client.hang_up()
    assert spawned.count // 10 == tasks_a_request


class InOnePass(trio.abc.Instrument):
    """Counts what happens within one pass of the loop: `most` is the largest number of times."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0

    def after_io_wait(self, timeout: float) -> None:
        self._now = 0

    def happens(self) -> None:
        self._now += 1
        self.most = max(self.most, self._now)


class LeavingTogether(InOnePass):
    """Counts the tasks that end within one pass."""

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self.happens()


async def test_a_crowd_leaves_in_turns() -> None:
    """Of a hundred clients that hang up at the same moment a few are seen off in each pass of the loop."""
    async with serving() as server:
        clients = [await server.client() for _ in range(100)]
        for client in clients:
            assert await client.ask(HEALTHZ) == 200
        await trio.testing.wait_all_tasks_blocked()
        leaving = LeavingTogether()
        trio.lowlevel.add_instrument(leaving)
        for client in clients:
            client.stream.socket.close()
        await tasks_are(server.tasks_at_rest)
        trio.lowlevel.remove_instrument(leaving)
    # Of each connection two tasks, one of which may end some passes later.
    assert leaving.most <= 4 * CLOSING_AT_ONCE


async def test_large_bodies_come_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thirty bodies of which more has come a few are gone on with in each pass of the loop, and all are answered."""
    original, pieces = PlainHttp11.handle, InOnePass()

    async def handle(self: Any, event: Any) -> None:
        pieces.happens()
        await original(self, event)

    body = b'{"update_id":1%s}' % (b" " * 1000)
    async with serving() as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await server.client()) for _ in range(30)]
        for client in clients:
            await client.stream.send_all(post(body)[:-500])
        await trio.testing.wait_all_tasks_blocked(0.01)
        monkeypatch.setattr(PlainHttp11, "handle", handle)
        trio.lowlevel.add_instrument(pieces)
        for client in clients:
            os.write(client.stream.socket.fileno(), body[-500:])
        assert [await client.answer() for client in clients] == [200] * 30
        trio.lowlevel.remove_instrument(pieces)
        assert pieces.most <= BODIES_AT_ONCE


@pytest.mark.parametrize(("request_", "status"), [(IN_ONE_PIECE, 200), (LENGTH_IS_NO_NUMBER, 400)])
async def test_a_connection_leaves_no_garbage(request_: bytes, status: int) -> None:
    """What a connection was made of is gone with it, and not only once the collector has found it."""
    async with serving() as server:
        for _ in range(2):
            gc.collect()
            gc.disable()
            try:
                async with await server.client() as client:
                    assert await client.ask(request_) == status
                await tasks_are(server.tasks_at_rest)
                kinds = (TCPServer, PlainHttp11, h11.Connection)
                left = [each for each in gc.get_objects() if isinstance(each, kinds)]
            finally:
                gc.enable()
            assert left == []


# In place only while HTTP is served


def in_place() -> list[Any]:
    """What Hypercorn makes its connections of at this moment, and how much it reads of them at a time."""
    return [getattr(module, name) for module, name, _ in FIXES]


OURS = [fix for _, _, fix in FIXES]
HYPERCORNS = in_place()


def test_importing_the_service_leaves_hypercorn_alone() -> None:
    """With every module of the service imported, Hypercorn has its own classes."""
    for module in pkgutil.walk_packages(svc.__path__, "svc."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert in_place() == HYPERCORNS
    assert {found.__module__.partition(".")[0] for found in HYPERCORNS if isinstance(found, type)} == {"hypercorn"}


async def test_hypercorn_is_itself_again_after_serving() -> None:
    """The fixes are there while HTTP is served, and gone afterwards, also if the server was cancelled or failed."""
    async with serving() as server:
        assert in_place() == OURS
        await server.is_well()
    assert in_place() == HYPERCORNS
    with trio.CancelScope() as scope:
        async with serving():
            assert in_place() == OURS
            scope.cancel(reason="the test wants it")
            await trio.lowlevel.checkpoint()
    assert in_place() == HYPERCORNS
    with pytest.raises(ZeroDivisionError), hypercorn_fixes():
        _ = 1 / 0
    assert in_place() == HYPERCORNS


def test_several_servers_may_end_in_any_order() -> None:
    """The first of two servers to start may be the first to end: the other one keeps the fixes until its own end."""
    one, two = hypercorn_fixes(), hypercorn_fixes()
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert in_place() == OURS
    two.__exit__(None, None, None)
    assert in_place() == HYPERCORNS
