"""The connections of the HTTP server: how many, how long each may keep the server waiting, which one makes room."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import pytest
import trio
import trio.testing
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup
from quart_trio import QuartTrio

from svc.intake import hypercorn_connections
from svc.intake.hypercorn_connections import FastConnection, IdleWatch, ServerContext
from svc.intake.middleware import ShieldSend
from svc.intake.open_connections import LOG_EVERY, OpenConnections, most_connections
from tests.harness import captured_logs
from tests.serving import HANGS, HEALTHZ, Client, Server, post, serving, tasks_are

# The list


class Place:
    """A connection that remembers whether it was closed."""

    def __init__(self, *, holds_back: bool = False) -> None:
        self.closed = False
        self.holds_back = holds_back

    def close_now(self) -> None:
        self.closed = True


async def test_who_has_waited_longest_makes_room() -> None:
    """Waiting counts from the last answer; one at work is not closed while another waits; then the longest at work."""
    connections = OpenConnections(3)
    one, two, three = places = [Place() for _ in range(3)]
    for place in places:
        connections.add(place)
    connections.works(one)
    connections.waits(one)  # answered just now
    connections.works(two)
    for victim in (three, one):
        connections.add(new := Place())
        connections.works(new)
        assert [place.closed for place in places if place is victim] == [True]
    closed_before = two.closed
    connections.add(Place())
    assert (closed_before, two.closed) == (False, True)
    assert len(connections) == 3


async def test_a_crowd_closes_itself() -> None:
    """Who has been served keeps its place against any number that ask nothing, or hold back the end of their bodies."""
    for holds_back in (False, True):
        connections, served = OpenConnections(3), Place()
        connections.add(served)
        connections.works(served)
        connections.waits(served)
        for _ in range(10):
            connections.add(other := Place(holds_back=holds_back))
            if holds_back:
                connections.works(other)
        assert not served.closed


async def test_what_is_closed_takes_no_place() -> None:
    """A connection that ended, or was closed to make room, stays out whatever its tasks still report of it."""
    connections = OpenConnections(1)
    one, two = Place(), Place()
    connections.add(one)
    connections.add(two)
    connections.works(one)
    connections.waits(one)
    assert (one.closed, len(connections)) == (True, 1)
    connections.remove(one)
    connections.remove(two)
    assert len(connections) == 0


async def test_a_crowd_is_one_line_a_minute(autojump_clock: trio.testing.MockClock) -> None:
    """The log says that connections are closed to make room, and how many, but not once for each."""
    connections = OpenConnections(10)
    with captured_logs() as logs:
        for _ in range(50):
            connections.add(Place())
        await trio.sleep(LOG_EVERY)
        connections.add(Place())
    assert [(line["event"], line["limit"], line["closed"]) for line in logs.lines] == [
        ("CONNECTIONS_FULL", 10, 1),
        ("CONNECTIONS_FULL", 10, 40),
    ]


@pytest.mark.parametrize(
    ("open_files", "most"),
    [(20_000, 2000), (resource.RLIM_INFINITY, 2000), (4000, 2000), (1024, 512), (256, 128), (200, 72), (64, 16)],
)
def test_there_are_fewer_connections_than_files(open_files: int, most: int) -> None:
    """Half of what may be open at most, and 128 less than that where it is little; the configured number otherwise."""
    assert most_connections(2000, open_files) == most


# A connection's time


class Watched:
    """The watch of a connection that asks when a test says so."""

    def __init__(self, **config: float) -> None:
        self.ended: list[tuple[str, float]] = []
        self.has_asked = False
        self.context = ServerContext(OpenConnections(10))
        self.connections = self.context.connections
        self.config = Config.from_mapping({"keep_alive_timeout": 75, **config})
        self._watch = IdleWatch(cast(FastConnection, self))

    async def _initiate_server_close(self) -> None:
        await trio.lowlevel.checkpoint()
        self.ended.append(("closed", trio.current_time()))

    async def refuse_slow_request(self) -> None:
        await trio.lowlevel.checkpoint()
        self.ended.append(("refused", trio.current_time()))

    async def request(self, seconds: float) -> None:
        """A whole request, which takes so long to be answered."""
        await self._watch.stop()
        self.has_asked = True
        await trio.sleep(seconds)
        await self._watch.restart(cast(TaskGroup, None), None)

    async def headers(self) -> None:
        """The headers of a first request, whose body does not come."""
        await self._watch.stop()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open in the block and until it is closed for waiting."""
        async with TaskGroup() as task_group:
            await self._watch.restart(task_group, None)
            yield


@pytest.mark.parametrize(("config", "patience"), [({}, 10), ({"first_request_timeout": 3}, 3)])
@pytest.mark.parametrize("headers", [False, True])
async def test_a_first_request_is_given_ten_seconds(
    autojump_clock: trio.testing.MockClock, config: dict[str, float], patience: float, headers: bool
) -> None:
    """A connection that sends nothing, or headers without their body, is closed after 10 s, or as set."""
    watched, began = Watched(**config), trio.current_time()
    async with watched.open():
        await trio.sleep(2)
        if headers:
            await watched.headers()
    assert watched.ended == [("refused", began + patience)]


async def test_idleness_counts_from_the_last_answer(autojump_clock: trio.testing.MockClock) -> None:
    """A connection is closed once it has been idle for `keep_alive_timeout` in one piece, to the second."""
    watched = Watched()
    async with watched.open():
        for _ in range(3):
            await watched.request(200)  # a request at work is not idle
            await trio.sleep(70)
        await watched.request(0)
        answered = trio.current_time()
    assert watched.ended == [("closed", answered + 75)]


async def test_an_early_first_request_is_idle_from_its_answer(autojump_clock: trio.testing.MockClock) -> None:
    """Answered in its first moment, a connection is kept for the whole `keep_alive_timeout`."""
    for keep_alive in (5, 75):
        watched, began = Watched(), trio.current_time()
        watched._watch._keep_alive = keep_alive
        async with watched.open():
            await watched.request(0)
        assert watched.ended == [("closed", began + keep_alive)]


async def test_a_silent_connection_is_closed_without_a_word() -> None:
    """Nothing was asked, so nothing is answered."""
    async with serving(first_request_timeout=0.1) as server, await server.client() as client:
        assert await everything(client) == b""


SLOW = {
    "within its first line": b"GET /he",
    "within its headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-",
    "within its body": post(b'{"update_id":1', length=100),
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
async def test_a_request_that_takes_too_long_is_answered_with_408(sent: bytes) -> None:
    """Headers or body not complete in time: 408, the end of the connection, no task left, and nothing stored."""
    async with serving(first_request_timeout=0.1) as server:
        async with await server.client() as client:
            await client.stream.send_all(sent)
            answer = await everything(client)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer.lower()
        await tasks_are(server.tasks_at_rest)
        assert server.store.stored == {}
        assert server.logs.errors() == []


async def test_a_request_at_work_has_asked_in_time() -> None:
    """The 10 s are for asking, not for answering, and count for the first request only."""
    async with serving(first_request_timeout=0.1) as server, await server.client() as client:
        server.store.may_return = trio.Event()
        await client.stream.send_all(post(b'{"update_id":1}'))
        await trio.testing.wait_all_tasks_blocked(0.2)
        server.store.may_return.set()
        assert await client.answer() == 200
        second = post(b'{"update_id":2}')
        await client.stream.send_all(second[:-1])
        await trio.testing.wait_all_tasks_blocked(0.2)
        assert await client.ask(second[-1:]) == 200


async def everything(client: Client) -> bytes:
    """All that the server sends until it closes."""
    read = b""
    with trio.fail_after(30):
        while data := await client.stream.receive_some(65536):
            read += data
    return read


async def ask_without_end(client: Client) -> None:
    """Ask again and again, and read no answer."""
    with trio.fail_after(30):
        while True:
            await client.stream.send_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)


# Room for everybody


@asynccontextmanager
async def crowded(limit: int, *, silent: int) -> AsyncIterator[tuple[Server, list[Client]]]:
    """A server of `limit` connections with `silent` clients that say nothing, in the order in which they came."""
    async with serving(max_connections=limit) as server, AsyncExitStack() as stack:
        clients = []
        for _ in range(silent):
            clients.append(await stack.enter_async_context(await server.client()))
            await trio.testing.wait_all_tasks_blocked()
        yield server, clients


async def test_silent_connections_keep_nobody_out() -> None:
    """With all places taken by clients that say nothing, a page and an update are answered; the oldest are closed."""
    async with crowded(5, silent=8) as (server, clients):
        await server.is_well()
        async with await server.client() as telegram:
            assert await telegram.ask(post(b'{"update_id":1}')) == 200
        assert list(server.store.stored) == [1]
        for client in clients[:4]:
            await client.closed()
        assert server.logs.names().count("CONNECTIONS_FULL") == 1
        assert server.logs.errors() == []
        assert await clients[-1].ask(HEALTHZ) == 200


@pytest.mark.parametrize("sent", [b"", HEALTHZ[:20], post(b"", length=100)], ids=["nothing", "half", "no body"])
async def test_a_crowd_does_not_cost_telegram_its_connection(sent: bytes) -> None:
    """A connection that has brought an update brings the next one, after more others than there are places."""
    async with crowded(5, silent=0) as (server, _), await server.client() as telegram, AsyncExitStack() as stack:
        assert await telegram.ask(post(b'{"update_id":1}')) == 200
        for _ in range(12):
            client = await stack.enter_async_context(await server.client())
            await client.stream.send_all(sent)
            await trio.testing.wait_all_tasks_blocked()
        assert await telegram.ask(post(b'{"update_id":2}')) == 200
        assert server.logs.errors() == []


async def test_what_is_at_work_is_not_closed_for_others() -> None:
    """An update that waits for its commit is answered, however many connections come meanwhile and say nothing."""
    async with crowded(3, silent=0) as (server, _), await server.client() as telegram, AsyncExitStack() as stack:
        server.store.may_return = trio.Event()
        await telegram.stream.send_all(post(b'{"update_id":1}'))
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(6):
            await stack.enter_async_context(await server.client())
            await trio.testing.wait_all_tasks_blocked()
        server.store.may_return.set()
        assert await telegram.answer() == 200


async def test_where_all_are_at_work_a_new_one_is_served() -> None:
    """Every place taken by updates that wait for their commit: /healthz answers; the oldest is closed."""
    async with crowded(3, silent=0) as (server, _), AsyncExitStack() as stack:
        server.store.may_return = trio.Event()
        clients = [await stack.enter_async_context(await server.client()) for _ in range(3)]
        for number, client in enumerate(clients):
            await client.stream.send_all(post(b'{"update_id":%d}' % number))
            await trio.testing.wait_all_tasks_blocked()
        await server.is_well()
        await clients[0].closed()
        server.store.may_return.set()
        assert [await client.answer() for client in clients[1:]] == [200, 200]
        assert server.logs.errors() == []


async def test_an_answer_that_the_kernel_takes_in_pieces_is_whole() -> None:
    """It is larger than all buffers on its way: the rest is written when the client reads."""
    body = b"".join(b"%07d\n" % number for number in range(1024 * 1024))

    def app_with_a_large_page(_server: Server) -> QuartTrio:
        app = QuartTrio("large")

        @app.get("/large")
        async def large() -> bytes:
            return body

        app.asgi_app = ShieldSend(app.asgi_app)  # type: ignore[method-assign]
        return app

    async with serving(app_with_a_large_page) as server, await server.client() as client:
        await client.stream.send_all(b"GET /large HTTP/1.1\r\nHost: svc\r\nConnection: close\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(HANGS):
            said = b"".join([bytes(piece) async for piece in client.stream])
    assert said.partition(b"\r\n\r\n")[2] == body


async def test_a_client_that_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks without end and reads no answer is closed, leaves no task, and delays no shutdown."""
    monkeypatch.setattr(hypercorn_connections, "WRITE_TIMEOUT", 0.1)
    async with serving(graceful_timeout=3600.0) as server:
        async with await server.client() as client:
            with pytest.raises(trio.BrokenResourceError):
                await ask_without_end(client)
        await tasks_are(server.tasks_at_rest)
        await server.is_well()
