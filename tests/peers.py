"""What the other end of a real loopback socket does in a test: a scripted HTTP server, silence, a refusal."""

from __future__ import annotations

import re
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import trio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNK = 65_536
_CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")


class Peer:
    """A server on a port of its own that lets `handle` talk on each connection, and counts them.

    `handle` gets a SocketStream, or with `tls` an SSLStream.
    """

    def __init__(self, handle: Callable[[Any], Awaitable[None]], tls: ssl.SSLContext | None = None) -> None:
        self._handle = handle
        self._tls = tls
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; starts once the port is open. Each connection is closed when `handle` is done."""
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started()

    async def _connection(self, plain: trio.SocketStream) -> None:
        self.connections += 1
        stream = trio.SSLStream(plain, self._tls, server_side=True, https_compatible=True) if self._tls else plain
        async with stream:
            # A client may go at any moment: what becomes of it is the test's business.
            with suppress(trio.BrokenResourceError):
                await self._handle(stream)


class ScriptedServer(Peer):
    """Answers each HTTP request with the next of `answers`, byte for byte; `b""` closes the connection instead.

    `requests` are those received, as they came; `finished` is set once the last answer has been given.
    """

    def __init__(self, *answers: bytes, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._converse, tls)
        self.requests: list[bytes] = []
        self.finished = trio.Event()
        self._answers = deque(answers)

    async def _converse(self, stream: trio.abc.Stream) -> None:
        received = b""
        async for chunk in stream:
            received += chunk
            if not _is_complete(received):
                continue
            self.requests.append(received)
            received = b""
            answer = self._answers.popleft()
            if answer:
                await stream.send_all(answer)
            if not self._answers:
                self.finished.set()
            if not answer or b"Connection: close" in answer:
                return


def _is_complete(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = _CONTENT_LENGTH.search(head + b"\r\n")
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses connections for as long as the block lasts: bound, and not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        yield silent.getsockname()[1]
