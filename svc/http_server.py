"""Hypercorn under Trio, with what it lacks: one broken connection ends that connection and nothing else."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import hypercorn.trio.run
import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Event, RawData
from hypercorn.trio import serve
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer

from svc.web import App

log = structlog.get_logger()

CONFIG_FILE = "hypercorn.toml"


class ConfigError(Exception):
    """hypercorn.toml cannot be used; the message is one line."""


def load_config(port: int | None) -> Config:
    """Hypercorn's settings from hypercorn.toml in the working folder or beside the program.

    `port`, if given, replaces the port of every bind. Raises ConfigError.
    """
    for folder in (Path.cwd(), Path(__file__).parent.parent):
        path = folder / CONFIG_FILE
        if path.is_file():
            break
    else:
        raise ConfigError(f"{CONFIG_FILE} is neither in {Path.cwd()} nor beside the program")
    try:
        config = Config.from_toml(path)
    except (tomllib.TOMLDecodeError, OSError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    # A logger instead of Hypercorn's own handler: svc.logs routes it.
    config.errorlog = logging.getLogger("hypercorn.error")
    if port is not None:
        config.bind = [f"{bind.rpartition(':')[0]}:{port}" for bind in config.bind]
    return config


async def serve_http(
    app: App,
    config: Config,
    shutdown: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `shutdown` returns, then until requests in flight end or `graceful_timeout` is over.

    Starts with the addresses that are bound; raises OSError if one cannot be.
    """
    await serve(app, config, shutdown_trigger=shutdown, mode="asgi", task_status=task_status)


class _Connection(TCPServer):
    """Hypercorn's connection, with three things mended.

    Its unforeseen errors do not leave it: Hypercorn lets them through to the nursery of the whole server, so that a
    single malformed WebSocket upgrade, or a byte behind a good one, ends the process (hypercorn issue 225). It does
    not write empty data, which costs a system call per answer. And its keep-alive timeout is one task a connection,
    where Hypercorn starts and cancels one per request.
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
        if not (isinstance(event, RawData) and not event.data):
            await super().protocol_send(event)

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


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:200]


# Hypercorn has no setting for the class of its connections.
hypercorn.trio.run.TCPServer = _Connection  # type: ignore[assignment,attr-defined]
