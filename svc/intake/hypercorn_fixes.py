"""What Hypercorn 0.18 gets wrong or does slowly under Trio, mended while HTTP is served.

Hypercorn has no setting for the classes it makes connections of, so `hypercorn_fixes` puts the subclasses below in
their places and takes them out again. Importing this module changes nothing. Each fix names the test that fails without
it, in tests/test_hypercorn_fixes.py: run that file against a newer Hypercorn, with and without the fixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import h11
import hypercorn.protocol
import hypercorn.trio.run
import hypercorn.trio.tcp_server
import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.tcp_server import TCPServer

from svc.observability.errors import describe, leaves

log = structlog.get_logger()


# Safety: what one client does must not harm the others.


class SafeConnection(TCPServer):
    """A connection whose errors end that connection and nothing else."""

    async def run(self) -> None:
        """Serve the connection to its end; any error becomes one line in the log.

        Hypercorn lets errors through to the nursery of the whole server, so that one connection ends the process
        (hypercorn issues 203 and 225). Test: test_an_unforeseen_error_ends_its_connection_only.
        """
        try:
            await super().run()
        except* Exception as group:
            log.warning("CONNECTION", error=describe(leaves(group)[0]))

    async def protocol_send(self, event: Event) -> None:
        """Write an answer; one that meets the closing of its connection came too late, which is no error.

        Hypercorn expects that of a stream that is closed, but not of one that another task is closing at this very
        moment, which raises BusyResourceError. Test: test_an_answer_that_meets_the_closing_is_dropped.

        And it costs less: h11 has no bytes for the end of a message with a Content-Length, for which Hypercorn makes a
        system call. Test: test_nothing_empty_is_written.
        """
        if not isinstance(event, RawData):
            await super().protocol_send(event)
        elif event.data:
            async with self.send_lock:
                try:
                    with trio.CancelScope(shield=True):
                        await self.stream.send_all(event.data)
                except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                    await self.protocol.handle(Closed())


class PlainHttp11(H11Protocol):
    """HTTP/1.1 and nothing else: a request to upgrade is answered as if it did not ask for that (RFC 9110, 7.8).

    This service speaks neither WebSocket nor cleartext HTTP/2. Where Hypercorn refuses a WebSocket, a malformed upgrade
    or a byte behind a good one ends the process (hypercorn issue 225), and connections are left open. A guard in front
    of the application is too late: the error is raised before it is called. Test:
    test_an_upgrade_is_answered_as_the_request_it_is, and the DEADLY requests.
    """

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


# Speed: the same behaviour for less work per request.


class FastConnection(SafeConnection):
    """A connection that watches for idleness with one task."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.idle_task = IdleWatch(self)  # type: ignore[assignment]

    async def _read_data(self) -> None:
        await super()._read_data()
        self.idle_task.end()  # type: ignore[attr-defined]


class IdleWatch:
    """Closes a connection that has been idle for `keep_alive_timeout` seconds, or is idle when the server shuts down.

    One task for as long as the connection lives. Hypercorn's TrioSingleTask, whose place this takes, starts and cancels
    a task per request. Test: test_a_request_costs_one_task.
    """

    def __init__(self, connection: FastConnection) -> None:
        self._connection = connection
        self._idle_since: float | None = None
        self._scope: trio.CancelScope | None = None

    async def restart(self, task_group: TaskGroup, _action: object) -> None:
        """The connection is idle from now on."""
        self._idle_since = trio.current_time()
        if self._scope is None:
            self._scope = trio.CancelScope()
            task_group.spawn(self._watch, self._scope)
        elif self._connection.context.terminated.is_set():
            await self._close()

    async def stop(self) -> None:
        """A request has come: the connection is not idle."""
        self._idle_since = None

    def end(self) -> None:
        """The connection is at its end: there is nothing left to watch."""
        if self._scope is not None:
            self._scope.cancel(reason="the connection has ended")

    async def _watch(self, scope: trio.CancelScope) -> None:
        timeout = self._connection.config.keep_alive_timeout
        terminated = self._connection.context.terminated
        with scope:
            while not terminated.is_set():
                idle_since = self._idle_since
                with trio.move_on_at((trio.current_time() if idle_since is None else idle_since) + timeout):
                    await terminated.wait()
                if idle_since is not None and idle_since == self._idle_since:
                    break
            if self._idle_since is not None:
                await self._close()

    async def _close(self) -> None:
        with trio.CancelScope(shield=True):
            await self._connection._initiate_server_close()


# Putting them in place


FIXES: tuple[tuple[ModuleType, str, type], ...] = (
    (hypercorn.trio.run, "TCPServer", FastConnection),
    (hypercorn.trio.tcp_server, "TaskGroup", UnreadBodies),
    (hypercorn.protocol, "H11Protocol", PlainHttp11),
)
"""Where Hypercorn looks each class up, and what it finds there while HTTP is served."""

_originals: list[tuple[ModuleType, str, type]] = []
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


def _put(classes: Iterable[tuple[ModuleType, str, type]]) -> None:
    for module, name, cls in classes:
        setattr(module, name, cls)
