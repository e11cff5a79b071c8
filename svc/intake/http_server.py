"""Hypercorn under Trio, with what it lacks: one broken connection ends that connection and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
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
from hypercorn.trio import serve
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.tcp_server import TCPServer

from svc.intake.http_app import App

log = structlog.get_logger()

CONFIG_FILE = "hypercorn.toml"
_NUMBERS = ("backlog", "graceful_timeout", "h11_max_incomplete_size", "keep_alive_timeout")


class ConfigError(Exception):
    """hypercorn.toml cannot be used; the message is one line."""


def load_config(host: str | None, port: int | None) -> Config:
    """Hypercorn's settings from hypercorn.toml in the working folder or beside the program.

    `host` and `port`, if given, replace the host and the port of every bind. Raises ConfigError.
    """
    for folder in (Path.cwd(), Path(__file__).parent.parent):
        path = folder / CONFIG_FILE
        if path.is_file():
            break
    else:
        raise ConfigError(f"{CONFIG_FILE} is neither in {Path.cwd()} nor beside the program")
    try:
        config = Config.from_toml(path)
    except (ValueError, OSError, TypeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(config.bind, list) or not all(isinstance(bind, str) for bind in config.bind):
        raise ConfigError(f"{path}: bind must be a list of addresses")
    for name in _NUMBERS:
        if type(getattr(config, name)) not in (int, float):
            raise ConfigError(f"{path}: {name} must be a number")
    # A logger instead of Hypercorn's own handler: svc.observability.logs routes it.
    config.errorlog = logging.getLogger("hypercorn.error")
    if host is not None:
        config.bind = list(dict.fromkeys(_with_host(bind, host) for bind in config.bind))
    if port is not None:
        config.bind = [_with_port(bind, port) for bind in config.bind]
    return config


def _with_host(bind: str, host: str) -> str:
    _, colon, port = bind.rpartition(":")
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if colon and port.isdigit() else shown


def _with_port(bind: str, port: int) -> str:
    if bind.startswith(("unix:", "fd://")):
        return bind
    host, colon, old = bind.rpartition(":")
    return f"{host}:{port}" if colon and old.isdigit() else f"{bind}:{port}"


async def serve_http(
    app: App,
    config: Config,
    shutdown: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `shutdown` returns, then until requests in flight end or `graceful_timeout` is over.

    Starts with the addresses that are bound; raises OSError, which names them, if one cannot be.
    """
    try:
        await serve(app, config, shutdown_trigger=shutdown, mode="asgi", task_status=task_status)
    except* OSError as group:
        raise OSError(f"cannot serve HTTP at {', '.join(config.bind)}: {_innermost(group)}") from None


class _Connection(TCPServer):
    """Hypercorn's connection, with a few things mended.

    Its unforeseen errors do not leave it: Hypercorn lets them through to the nursery of the whole server, so that one
    connection ends the process. It does not write empty data, which costs a system call per answer, and takes a write
    that meets the closing of its connection for one that came too late. And its keep-alive timeout is one task a
    connection, where Hypercorn starts and cancels one per request.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.idle_task = _IdleWatch(self)  # type: ignore[assignment]

    async def run(self) -> None:
        try:
            await super().run()
        except* Exception as group:
            log.warning("CONNECTION", error=_innermost(group))

    async def protocol_send(self, event: Event) -> None:
        if not isinstance(event, RawData):
            await super().protocol_send(event)
        elif event.data:
            async with self.send_lock:
                try:
                    with trio.CancelScope(shield=True):
                        await self.stream.send_all(event.data)
                except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                    # Busy: another task is closing the connection this very moment.
                    await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        await super()._read_data()
        self.idle_task.end()  # type: ignore[attr-defined]


class _IdleWatch:
    """Closes a connection that has been idle for `keep_alive_timeout`, or is idle while the server shuts down.

    Stands in for Hypercorn's TrioSingleTask.
    """

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._idle_since: float | None = None
        self._scope: trio.CancelScope | None = None

    async def restart(self, task_group: TaskGroup, _action: object) -> None:
        self._idle_since = trio.current_time()
        if self._scope is None:
            self._scope = trio.CancelScope()
            task_group.spawn(self._watch, self._scope)
        elif self._connection.context.terminated.is_set():
            await self._close()

    async def stop(self) -> None:
        self._idle_since = None

    def end(self) -> None:
        """The connection is at its end: nothing is left to watch."""
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


class _Http11(H11Protocol):
    """HTTP/1.1 and nothing else: an Upgrade is not taken up (RFC 9110, 7.8), so the request is answered as it stands.

    Nothing here speaks WebSocket or cleartext HTTP/2. Hypercorn's refusal of a WebSocket is where one malformed
    upgrade, or a byte behind a good one, ends the process (hypercorn issue 225), and it leaves connections open.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        """Hypercorn looks for HTTP/2 here."""

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


class _Tasks(TaskGroup):
    """The tasks of one connection. An app that does not read its request's body holds nobody up.

    Hypercorn hands the body on through a channel of ten messages. Under an app that answers without reading to the
    end (401, 405, 413) that can be full: then the reader of the connection and the end of the answer wait for ever,
    each in front of it. Here the end of the request closes the channel.
    """

    async def spawn_app(self, app: Any, config: Config, scope: Any, send: Any) -> Any:
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


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:200]


# Hypercorn has no setting for these classes.
hypercorn.trio.run.TCPServer = _Connection  # type: ignore[assignment,attr-defined]
hypercorn.trio.tcp_server.TaskGroup = _Tasks  # type: ignore[attr-defined]
hypercorn.protocol.H11Protocol = _Http11  # type: ignore[attr-defined]
