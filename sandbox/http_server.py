"""A small HTTP/1.1 server: h11 over trio.serve_tcp on loopback, keep-alive, everything bounded.

Each connection is one task that reads a request, asks the handler and writes the reply. A client may vanish at any
moment: that ends its own task, quietly. An answer may also be a stream, as server-sent events are.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import h11
import trio

from sandbox.api import ConnectionCut, HttpResponse, HttpStream

MAX_HEADERS = 64 * 1024
MAX_BODY = 60 * 1024 * 1024
"""Bytes; room for a form with the largest file that Telegram takes, whose refusal is the method's own."""
MAX_CONNECTIONS = 1_000
IDLE_TIMEOUT = 75.0
READ_TIMEOUT = 60.0
WRITE_TIMEOUT = 60.0
READ_SIZE = 65_536

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, read to its end. The names of `headers` are in lower case."""

    method: str
    target: str
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[HttpRequest], Awaitable[HttpResponse | HttpStream]]
"""`await handler(request)`; raises ConnectionCut to close the connection without an answer."""


async def serve(handler: Handler, port: int, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve on 127.0.0.1 until cancelled; starts with the port, which is a free one for `port` 0."""
    free = trio.CapacityLimiter(MAX_CONNECTIONS)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(trio.serve_tcp, partial(_serve_connection, handler, free), port, host="127.0.0.1")
        )
        task_status.started(listeners[0].socket.getsockname()[1])


class _TooLarge(Exception):
    """The request's body is over MAX_BODY."""


async def _serve_connection(handler: Handler, free: trio.CapacityLimiter, stream: trio.SocketStream) -> None:
    try:
        free.acquire_nowait()
    except trio.WouldBlock:
        await trio.aclose_forcefully(stream)
        return
    try:
        async with stream:
            await _Connection(stream).run(handler)
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, ConnectionCut):
        pass  # The client left, sat idle, or was meant to be cut off.
    except Exception:
        # An answer that cannot be sent, or a stream that fails on its way, is a fault of its own too.
        _LOG.exception("an answer broke off")
    finally:
        free.release()


async def _answer_of(handler: Handler, request: HttpRequest) -> HttpResponse | HttpStream:
    """What the handler answers. Where it fails, which is a fault of its own, that is answered with 500 and logged,
    which without any settings is printed to stderr; the others are served on.
    """
    try:
        return await handler(request)
    except ConnectionCut:
        raise
    except Exception:
        # Without the query, and without the token that the path of a call begins with.
        path = re.sub("^/bot[^/]*|^/file/bot[^/]*", "/bot...", request.target.partition("?")[0])
        _LOG.exception("%s %s could not be answered", request.method, path)
        return HttpResponse(500, [], b"")


class _Connection:
    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADERS)

    async def run(self, handler: Handler) -> None:
        """Requests one after another, until either side closes."""
        try:
            while (request := await self._read()) is not None:
                await self._answer(await _answer_of(handler, request), with_content=request.method != "HEAD")
                if self._http.our_state is not h11.DONE:
                    return
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as problem:
            await self._refuse(problem.error_status_hint)
        except _TooLarge:
            await self._refuse(413)

    async def _read(self) -> HttpRequest | None:
        """The next request; None if the client closed."""
        head = await self._event(IDLE_TIMEOUT)
        if not isinstance(head, h11.Request):
            return None
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        body = await self._body()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        return HttpRequest(
            head.method.decode(), head.target.decode("latin-1"), headers.get("content-type", ""), body, headers
        )

    async def _body(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        deadline = trio.current_time() + READ_TIMEOUT
        while isinstance(event := await self._event(deadline - trio.current_time()), h11.Data):
            size += len(event.data)
            if size > MAX_BODY:
                raise _TooLarge
            chunks.append(bytes(event.data))
        return b"".join(chunks)

    async def _event(self, timeout: float) -> object:
        event = self._http.next_event()
        if event is not h11.NEED_DATA:
            return event
        with trio.fail_after(max(timeout, 0)):
            while event is h11.NEED_DATA:
                self._http.receive_data(await self._stream.receive_some(READ_SIZE))
                event = self._http.next_event()
        return event

    async def _answer(self, reply: HttpResponse | HttpStream, *, with_content: bool) -> None:
        if isinstance(reply, HttpResponse):
            await self._write(reply, with_content=with_content)
        else:
            await self._stream_out(reply)

    async def _stream_out(self, reply: HttpStream) -> None:
        """Send parts as they come. Whoever leaves is noticed by the next part that cannot be sent."""
        async with aclosing(reply.parts) as parts:
            await self._send(h11.Response(status_code=reply.status, headers=reply.headers))
            async for part in parts:
                await self._send(h11.Data(data=part))
            await self._send(h11.EndOfMessage())

    async def _write(self, reply: HttpResponse, *, with_content: bool = True) -> None:
        headers = [*reply.headers, ("Content-Length", str(len(reply.content)))]
        response = h11.Response(status_code=reply.status, headers=headers)
        content = h11.Data(data=reply.content if with_content else b"")
        await self._send(response, content, h11.EndOfMessage())

    async def _send(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        with trio.fail_after(WRITE_TIMEOUT):
            await self._stream.send_all(data)

    async def _refuse(self, status: int) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._write(HttpResponse(status, [("Connection", "close")], b""))
