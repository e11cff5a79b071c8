"""Hypercorn under Trio, with what it lacks: one broken connection ends that connection and nothing else."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path

import hypercorn.trio.run
import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
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
    await serve(app, config, shutdown_trigger=shutdown, mode="asgi", task_status=task_status)  # type: ignore[arg-type]


class _IsolatedConnection(TCPServer):
    """A connection whose unforeseen errors do not leave it.

    Hypercorn lets them through to the nursery of the whole server, so a single malformed WebSocket upgrade, or a
    byte behind a good one, ends the process (hypercorn issue 225).
    """

    async def run(self) -> None:
        try:
            await super().run()
        except* Exception as group:
            log.warning("CONNECTION", error=_innermost(group))


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:200]


# Hypercorn has no setting for the class of its connections.
hypercorn.trio.run.TCPServer = _IsolatedConnection  # type: ignore[misc]

