"""A real server on real loopback sockets, and its clients: for the tests of svc/intake's HTTP side."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import hypercorn.trio
import trio
import trio.testing
from hypercorn.config import Config
from quart_trio import QuartTrio

from statemachine import Lifecycle
from svc.intake.accept import Intake
from svc.intake.http_app import make_app
from svc.intake.http_server import serve_http
from svc.intake.webhook import brings_an_update
from svc.observability.metrics import Metrics
from svc.storage.inbox import Received
from tests.harness import SECRET, Logs, captured_logs
from tests.intake import Store

# Longer than anything here takes, on a loaded machine too; a server that hangs ends its test then.
HANGS = 30.0
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
UPGRADE = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
H2C = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
# A timeout that no test lives to see.
NEVER = 3600.0


class Server:
    """A server at work, and the store behind its webhook."""

    def __init__(self, logs: Logs) -> None:
        self.port = 0
        self.tasks_at_rest = 0
        """How many tasks there are while no client is connected."""
        self.logs = logs
        self.stop = trio.Event()
        self.ended = trio.Event()
        self.store = Store()

    async def client(self) -> Client:
        return Client(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def is_well(self) -> None:
        """A fresh client is served."""
        async with await self.client() as client:
            assert await client.ask(HEALTHZ) == 200

    async def shut_down(self) -> None:
        """Stop, and wait for the end."""
        self.stop.set()
        with trio.fail_after(HANGS):
            await self.ended.wait()


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

    async def hang_up(self) -> None:
        """Send no more, and wait until the server has closed."""
        await self.stream.send_eof()
        await self.closed()


def post(body: bytes, *, length: int | None = None, secret: str = SECRET) -> bytes:
    return (
        f"POST /webhook HTTP/1.1\r\nHost: x\r\nX-Telegram-Bot-Api-Secret-Token: {secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    ).encode() + body


def our_app(server: Server) -> QuartTrio:
    async def answers() -> bool:
        await trio.lowlevel.checkpoint()
        return True

    metrics = Metrics()
    hints, _ = trio.open_memory_channel[Received](1000)
    intake = Intake(server.store, hints)
    lifecycle: Lifecycle[str] = Lifecycle(lambda _: None)
    return make_app(intake, lifecycle, metrics, secret=SECRET, instance="one", database_answers=answers)


def plain_app(_server: Server) -> QuartTrio:
    """What anybody would write with Quart-Trio."""
    app = QuartTrio("plain")

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {}

    return app


@asynccontextmanager
async def serving(
    make: Callable[[Server], QuartTrio] = our_app, *, stock: bool = False, **options: Any
) -> AsyncIterator[Server]:
    """A server on a free port, `stock` without our fixes; shut down at the end of the block if it is not yet."""
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
                    await serve_http(app, config, server.stop.wait, brings_an_update(SECRET), task_status=task_status)
            finally:
                server.ended.set()

        async with trio.open_nursery() as nursery:
            (bind,) = await nursery.start(serve)
            server.port = int(bind.rpartition(":")[2])
            await trio.testing.wait_all_tasks_blocked()  # so that all of the server's own are counted
            server.tasks_at_rest = tasks()
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


def in_small_chunks(request: bytes) -> bytes:
    """A request with a chunked body of 300 chunks of one byte, so that all of it is there before anybody answers."""
    head = b"\r\n".join(line for line in request.split(b"\r\n") if not line.startswith(b"Content-Length"))
    return head[:-4] + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 300 + b"0\r\n\r\n"


async def send_all_of(client: Client, request: bytes) -> None:
    """Send a request whose body, of 4 MB if it has a length, may not be wanted."""
    try:
        await client.stream.send_all(request)
        if b"4000000" in request:
            for _ in range(400):
                await client.stream.send_all(bytes(10_000))
    except trio.BrokenResourceError:
        return
