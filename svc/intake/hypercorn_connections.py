"""Hypercorn's connection and its context as subclasses, of which the server makes its connections.

Each fix names the test that fails without it, in tests/test_hypercorn_fixes.py or tests/test_connections.py.
"""

from __future__ import annotations

import math
import os
from collections.abc import Awaitable, Callable
from typing import Any

import h11
import structlog
import trio
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext

from svc.intake.open_connections import OpenConnections
from svc.intake.turns import Turns
from svc.observability.errors import describe, leaves

log = structlog.get_logger()

# Where the configuration does not say otherwise; see hypercorn.toml.
FIRST_REQUEST_TIMEOUT = 10.0
# For a client to take the next piece of its answer.
WRITE_TIMEOUT = 10.0
# How much is read at a time. h11 takes headers and trailers of any size that have come whole: by so much they may be
# larger than `h11_max_incomplete_size`. Hypercorn's 64 KiB hold ten thousand of them, which take h11 35 ms, and all
# others wait. Nearly every update is smaller. Test: test_a_flood_of_headers_is_refused.
READ_SIZE = 4096


BODIES_AT_ONCE = 4
"""Connections of which a further piece of a body is read in one pass of the loop: half a millisecond's worth."""
CLOSING_AT_ONCE = 2
"""Connections that are closed in one pass of the loop: a third of a millisecond's worth."""


class ServerContext(WorkerContext):
    """What the connections of one server share: also the list of them, and turns for what many may do at once."""

    def __init__(self, connections: OpenConnections) -> None:
        super().__init__(max_requests=None)
        self.connections = connections
        self.bodies = Turns(BODIES_AT_ONCE)
        self.closing = Turns(CLOSING_AT_ONCE)


# Safety: what one client does must not harm the others.


class SafeConnection(TCPServer):
    """A connection that takes one of a limited number of places, and whose errors end it and nothing else."""

    async def run(self) -> None:
        """Serve the connection to its end; any error becomes one line in the log.

        Hypercorn lets errors through to the nursery of the whole server, so that one connection ends the process
        (hypercorn issues 203 and 225). Test: test_an_unforeseen_error_ends_its_connection_only.

        It also accepts connections until the process has no open file left, and then none, for as long as they last.
        Test: test_silent_connections_keep_nobody_out.
        """
        self.connections.add(self)
        try:
            await super().run()
        except* Exception as group:
            log.warning("CONNECTION", error=describe(leaves(group)[0]))
        finally:
            self.connections.remove(self)
            # Its parts refer back to it. Memory is given back at once where they do not wait for the collector. Test:
            # test_a_connection_leaves_no_garbage.
            vars(self).clear()

    context: ServerContext

    @property
    def connections(self) -> OpenConnections:
        """All connections of this one's server."""
        return self.context.connections

    def close_now(self) -> None:
        """Close the socket; the tasks of this connection find that out and end."""
        stream: Any = self.stream
        getattr(stream, "transport_stream", stream).socket.close()

    @property
    def holds_back(self) -> bool:
        """Whether the client has sent the headers of a request, and not all of its body."""
        connection: Any = self.protocol.protocol.connection
        return connection.their_state is h11.SEND_BODY

    async def protocol_send(self, event: Event) -> None:
        """Write an answer; one that meets the closing of its connection came too late, which is no error.

        Hypercorn expects that of a stream that is closed, but not of one that another task is closing at this very
        moment, which raises BusyResourceError. Test: test_an_answer_that_meets_the_closing_is_dropped.

        Nor has it a limit for a client that does not read its answer, which would hold its connection for ever. Test:
        test_a_client_that_does_not_read_is_closed.

        And it costs less: h11 has no bytes for the end of a message with a Content-Length, for which Hypercorn makes a
        system call. Test: test_nothing_empty_is_written.
        """
        if not isinstance(event, RawData):
            await super().protocol_send(event)
        elif event.data:
            async with self.send_lock:
                if not await self._written(event.data):
                    await self.protocol.handle(Closed())

    async def _written(self, data: bytes) -> bool:
        rest = self._taken_at_once(data)
        if not rest:
            return True
        with trio.move_on_after(WRITE_TIMEOUT, shield=True):
            try:
                await self.stream.send_all(rest)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                return False
            return True
        # A part of it may have left, so nothing that comes later would be understood.
        self.close_now()
        return False

    def _taken_at_once(self, data: bytes) -> bytes:
        """Write what the kernel takes without waiting, which nearly always is all; returns the rest."""
        stream: Any = self.stream
        if type(stream) is not trio.SocketStream:  # TLS
            return data
        try:
            return data[os.write(stream.socket.fileno(), data) :]
        except OSError:  # no room, or closed: the next try will tell
            return data

    async def refuse_slow_request(self) -> None:
        """Close the connection; with 408 if a part of a request has come and no answer to it has begun."""
        with trio.CancelScope(shield=True):
            http: Any = self.protocol.protocol
            if _has_begun(http.connection):
                await http.refuse(408)
            await self._initiate_server_close()


def _has_begun(connection: Any) -> bool:
    if connection.our_state is h11.SEND_RESPONSE:
        return True
    return connection.our_state is h11.IDLE and bool(connection.trailing_data[0])


# Speed: the same behaviour for less work per request.


class FastConnection(SafeConnection):
    """A connection that watches for idleness with one task."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.idle_task = IdleWatch(self)  # type: ignore[assignment]

    async def _read_data(self) -> None:
        """Read until the end. Hypercorn opens a cancel scope for each read, also where `read_timeout` is not set.

        Many that come to their end at the same moment close in turns, and large bodies come in turns, too. Tests:
        test_a_crowd_leaves_in_turns, test_large_bodies_come_in_turns.
        """
        if self.config.read_timeout:
            await super()._read_data()
        else:
            while data := await self._next_data():
                await self.protocol.handle(RawData(data))
            await self.protocol.handle(Closed())
        self.idle_task.end()  # type: ignore[attr-defined]

    async def _next_data(self) -> bytes:
        try:
            data = bytes(await self.stream.receive_some(READ_SIZE))
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            await self.context.closing.take()
            return b""
        if not data:
            await self.context.closing.take()
            await self.protocol.handle(RawData(b""))
        elif self.holds_back:
            await self.context.bodies.take()
        return data

    @property
    def has_asked(self) -> bool:
        """Whether one whole request has come, its body included."""
        http = self.protocol.protocol
        if http.keep_alive_requests != 1 or not isinstance(http, H11Protocol):
            return http.keep_alive_requests > 0
        return http.connection.their_state is not h11.SEND_BODY


class IdleWatch:
    """Closes a connection that keeps the server waiting: for its first whole request longer than
    `first_request_timeout`, or later for the next one longer than `keep_alive_timeout`; or at all when the server shuts
    down. Hypercorn alone gives a client the second of these for the headers, and no limit for the body.
    Tests: test_a_first_request_is_given_ten_seconds, test_idleness_counts_from_the_last_answer.

    One task for as long as the connection lives. Hypercorn's TrioSingleTask, whose place this takes, starts and cancels
    a task per request. Test: test_a_whole_post_costs_no_task.
    """

    def __init__(self, connection: FastConnection) -> None:
        self._connection = connection
        self._keep_alive: float = connection.config.keep_alive_timeout
        self._ask_by = math.inf
        self._idle_since: float | None = None
        self._scope: trio.CancelScope | None = None

    async def restart(self, task_group: TaskGroup, _action: Callable[[], Awaitable[None]] | None) -> None:
        """The connection is idle from now on."""
        self._idle_since = trio.current_time()
        if self._scope is None:
            self._ask_by = self._idle_since + getattr(
                self._connection.config, "first_request_timeout", FIRST_REQUEST_TIMEOUT
            )
            self._scope = trio.CancelScope()
            task_group.spawn(self._watch, self._scope)
            return
        self._connection.connections.waits(self._connection)
        if self._connection.context.terminated.is_set():
            await self._close()

    async def stop(self) -> None:
        """A request has come: the connection is not idle."""
        self._idle_since = None
        self._connection.connections.works(self._connection)

    def end(self) -> None:
        """The connection is at its end: there is nothing left to watch."""
        if self._scope is not None:
            self._scope.cancel(reason="the connection has ended")

    async def _watch(self, scope: trio.CancelScope) -> None:
        terminated = self._connection.context.terminated
        with scope:
            while not terminated.is_set():
                with trio.move_on_at(self._due()):
                    await terminated.wait()
                    break
                await self._connection.context.closing.take()
                if self._asks_too_slowly():
                    await self._connection.refuse_slow_request()
                    return
                if self._idle_too_long():
                    break
            if self._idle_since is not None:
                await self._close()

    def _due(self) -> float:
        """When to look at the connection next: the earliest time at which it may have to be closed."""
        from_now = trio.current_time() + self._keep_alive
        if not self._connection.has_asked:
            return min(self._ask_by, from_now)
        return from_now if self._idle_since is None else self._idle_since + self._keep_alive

    def _asks_too_slowly(self) -> bool:
        return trio.current_time() >= self._ask_by and not self._connection.has_asked

    def _idle_too_long(self) -> bool:
        if self._idle_since is None or not self._connection.has_asked:
            return False
        return trio.current_time() >= self._idle_since + self._keep_alive

    async def _close(self) -> None:
        with trio.CancelScope(shield=True):
            await self._connection._initiate_server_close()
