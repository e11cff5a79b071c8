"""What Hypercorn 0.18 gets wrong or does slowly under Trio, mended while HTTP is served.

Hypercorn has no setting for the classes of which a connection makes its parts, so `hypercorn_fixes` puts the subclasses
below in their places and takes them out again. Importing this module changes nothing. Each fix names the test that
fails without it, in tests/test_hypercorn_fixes.py where no other file is named: run that file against a newer
Hypercorn, with and without the fixes. The connection itself is in hypercorn_connections.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import h11
import hypercorn.protocol
import hypercorn.trio.tcp_server
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Request, Response
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.task_group import TaskGroup, _handle

from svc.intake.hypercorn_connections import READ_SIZE
from svc.intake.whole_posts import WholeAnswer, WholePost, whole_post

# Safety: what one client does must not harm the others.


MOST_LINES = 100
"""Of a request's headers. Telegram sends ten, a browser through a proxy or two perhaps forty."""

_END = b"\r\n\r\n"
_LENGTHS = {b"content-length", b"transfer-encoding"}


class LastRequest(h11.Connection):
    """HTTP/1.1 as h11 reads it, where bytes may come behind a request that is the last of its connection.

    For h11 they are an error, at which Hypercorn answers 400 in place of the application, or closes the connection
    within its answer. Here they are left until the answer is out, after which the connection is closed anyway.
    Test: test_bytes_behind_the_last_request_cost_no_answer.

    A request that says twice how long it is may look longer or shorter to a proxy in front: what one takes for its body
    the other takes for a request of its own, which no proxy has seen and whose headers nobody has written. h11 believes
    one of the two; here it is refused, and the connection closed (RFC 9112, 6.1).
    Test: test_a_request_with_two_lengths_is_refused.

    And a client may send hundreds of requests at once and then leave, or read no answer. Hypercorn works on them all,
    for nobody. Here the rest is left once the connection is `closed`. Test: test_nobody_works_for_who_has_gone.

    h11 limits the size of headers and not their number, and thousands of short ones take it long. Here more than
    MOST_LINES are refused before it reads them. Test: test_a_flood_of_headers_is_refused.

    An error of h11's is raised by a method of its own, so its traceback has a frame that refers to it, and with both
    all of the connection waits for the collector. Here it has none. Test: test_a_connection_leaves_no_garbage.
    """

    answered = False
    closed = False

    def next_event(self) -> Any:
        """The next event of the request, or PAUSED for what is not to be looked at yet."""
        if self.closed:
            return h11.NEED_DATA
        if self.their_state is h11.IDLE and self.trailing_data[0].partition(_END)[0].count(b"\n") > MOST_LINES:
            raise h11.RemoteProtocolError("too many headers", error_status_hint=431)
        if self.their_state is h11.MUST_CLOSE and not self.answered and self.trailing_data[0]:
            return h11.PAUSED
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            raise error.with_traceback(None) from None
        if isinstance(event, h11.Request) and {name for name, _ in event.headers} >= _LENGTHS:
            raise h11.RemoteProtocolError("two lengths", error_status_hint=400)
        return event


class PlainHttp11(H11Protocol):
    """HTTP/1.1 and nothing else: a request to upgrade is answered as if it did not ask for that (RFC 9110, 7.8).

    This service speaks neither WebSocket nor cleartext HTTP/2. Where Hypercorn refuses a WebSocket, a malformed upgrade
    or a byte behind a good one ends the process (hypercorn issue 225), and connections are left open. A guard in front
    of the application is too late: the error is raised before it is called. Test:
    test_an_upgrade_is_answered_as_the_request_it_is, and the DEADLY requests.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        most = self.config.h11_max_incomplete_size
        self._requests = self.connection = LastRequest(h11.SERVER, max_incomplete_event_size=most)
        self._hung_up = trio.Event()
        self._refused = False

    async def handle(self, event: Event) -> None:
        """Take what has come. A POST that is whole is answered before anything else is read.

        Test: test_a_whole_post_costs_no_task.
        """
        if isinstance(event, Closed):
            self._requests.closed = True
            self._hung_up.set()
        elif isinstance(event, RawData) and self._is_between_requests():
            post = whole_post(event.data, self.config.h11_max_incomplete_size)
            if post is not None:
                await self._answer(post)
                return
        await super().handle(event)

    def _is_between_requests(self) -> bool:
        return self._requests.our_state is h11.IDLE and not self._requests.trailing_data[0] and self.stream is None

    async def _answer(self, post: WholePost) -> None:
        await self.send(Updated(idle=False))
        self.keep_alive_requests += 1
        await self.context.mark_request()
        more_headers = self.config.response_headers("h11")
        if self.keep_alive_requests > self.config.keep_alive_max_requests:
            more_headers.append((b"connection", b"close"))
        answer = WholeAnswer(lambda data: self.send(RawData(data)), more_headers)
        began = time.time()
        scope = post.scope(
            scheme="https" if self.ssl else "http",
            root_path=self.config.root_path,
            client=self.client,
            server=self.server,
            state=self.connection_state.copy(),
        )
        threads = trio.to_thread.run_sync, trio.from_thread.run
        await _handle(self.app, self.config, scope, post.receiving(self._hung_up), answer.send, *threads)
        await self.config.log.access(scope, answer.response, time.time() - began)
        last = answer.to_be_closed or self.context.terminated.is_set()
        await self.send(Closed() if last else Updated(idle=True))

    async def refuse(self, status: int) -> None:
        """Answer in place of the application, which may be about to answer as well: what it says is dropped.

        Hypercorn's own way writes one answer into the other, which h11 refuses with an error: a traceback in the log.
        Test: test_a_refusal_is_the_only_answer.
        """
        self._refused = True
        await self._send_error_response(status)

    async def stream_send(self, event: StreamEvent) -> None:
        """Send what the application says.

        An answer that begins before its request has ended is the last of the connection, which Hypercorn closes without
        saying so: the client's next request would meet the end. Test: test_an_early_answer_says_that_it_is_the_last.
        """
        if self._refused:
            return
        if isinstance(event, Response) and self._requests.their_state is h11.SEND_BODY:
            event.headers.append((b"connection", b"close"))
        await super().stream_send(event)

    async def _maybe_recycle(self) -> None:
        self._requests.answered = True
        await super()._maybe_recycle()

    async def _check_protocol(self, event: h11.Request) -> None:
        """Hypercorn would look for HTTP/2 here."""

    async def _create_stream(self, request: h11.Request) -> None:
        stream = self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        await stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1
        await self.context.mark_request()


class UnreadBodies(TaskGroup):
    """The tasks of one connection, where an application may answer without reading the whole body.

    Hypercorn hands the body on through a channel of ten messages. When the application answers early (401, 405, 413)
    that channel can be full, and then both the reader of the connection and the end of the answer wait for room in it
    for ever. Here the end of the request closes the channel.
    Test: test_a_body_that_is_waiting_when_its_answer_ends_is_dropped.
    """

    async def spawn_app(self, app: Any, config: Config, scope: Any, send: Any) -> Any:
        """Start `app` on one request; returns the function that hands it the request's messages."""
        put_in, take_out = trio.open_memory_channel[Any](config.max_app_queue_size)

        async def receive() -> Any:
            try:
                return await take_out.receive()
            except trio.EndOfChannel:
                return {"type": "http.disconnect"}

        async def put(message: Any) -> None:
            if message["type"] == "http.disconnect":
                put_in.close()
                return
            with suppress(trio.ClosedResourceError):
                await put_in.send(message)

        self.spawn(_handle, app, config, scope, receive, send, trio.to_thread.run_sync, trio.from_thread.run)
        return put


# Putting them in place


FIXES: tuple[tuple[ModuleType, str, Any], ...] = (
    (hypercorn.trio.tcp_server, "MAX_RECV", READ_SIZE),
    (hypercorn.trio.tcp_server, "TaskGroup", UnreadBodies),
    (hypercorn.protocol, "H11Protocol", PlainHttp11),
)
"""Where Hypercorn looks each of them up, and what it finds there while HTTP is served."""

_originals: list[tuple[ModuleType, str, Any]] = []
_servers: set[object] = set()


@contextmanager
def hypercorn_fixes() -> Iterator[None]:
    """Hypercorn with all fixes inside the block, and with its own classes again behind it.

    Several servers of one process may be inside at once, and leave in any order: the last one out restores.
    """
    server = object()
    if not _servers:
        _originals[:] = [(module, name, getattr(module, name)) for module, name, _ in FIXES]
        _put(FIXES)
    _servers.add(server)
    try:
        yield
    finally:
        _servers.remove(server)
        if not _servers:
            _put(_originals)


def _put(values: Iterable[tuple[ModuleType, str, Any]]) -> None:
    for module, name, value in values:
        setattr(module, name, value)
