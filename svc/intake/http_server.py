"""The HTTP server: Hypercorn under Trio, and its configuration."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart_trio import QuartTrio

from svc.intake.hypercorn_connections import FIRST_REQUEST_TIMEOUT, MAX_CONNECTIONS
from svc.intake.hypercorn_fixes import hypercorn_fixes
from svc.observability.errors import describe, leaves
from svc.shutdown import end_process_now

log = structlog.get_logger()

CONFIG_FILE = "hypercorn.toml"
# What counts without a hypercorn.toml in the working folder. The repository's says the same (compared by a test) and
# gives the reasons.
BUILT_IN: dict[str, Any] = {
    "bind": ["0.0.0.0:8080"],
    "backlog": 1024,
    "max_connections": MAX_CONNECTIONS,
    "first_request_timeout": FIRST_REQUEST_TIMEOUT,
    "keep_alive_timeout": 75,
    "graceful_timeout": 3,
    "h11_max_incomplete_size": 8192,
    "include_server_header": False,
    "include_date_header": False,
}
HYPERCORNS_PORT = 8000
_NUMBERS = (
    "backlog",
    "first_request_timeout",
    "graceful_timeout",
    "h11_max_incomplete_size",
    "keep_alive_timeout",
    "max_connections",
)


class ConfigError(Exception):
    """hypercorn.toml cannot be used; the message is one line."""


def load_config(host: str | None, port: int | None) -> Config:
    """Hypercorn's configuration: hypercorn.toml if the working folder has one, else the built-in values.

    `host` and `port`, if given, replace those of every TCP address in `bind`. Raises ConfigError.
    """
    path = Path(CONFIG_FILE)
    try:
        config = Config.from_toml(path) if path.is_file() else Config.from_mapping(BUILT_IN)
    except (ValueError, OSError, TypeError) as error:
        raise ConfigError(f"{path.absolute()}: {' '.join(str(error).split())}") from error
    if not isinstance(config.bind, list) or not all(isinstance(bind, str) for bind in config.bind):
        raise ConfigError(f"{path.absolute()}: bind must be a list of addresses")
    for name in _NUMBERS:
        # Two of them are ours: Hypercorn has no default for these.
        if type(getattr(config, name, BUILT_IN[name])) not in (int, float):
            raise ConfigError(f"{path.absolute()}: {name} must be a number")
    # With another host or port two addresses may become one.
    config.bind = list(dict.fromkeys(replace_address(bind, host, port) for bind in config.bind))
    # A logger, where Hypercorn would add a handler of its own: svc.observability.logs shows what it says.
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


def replace_address(bind: str, host: str | None, port: int | None) -> str:
    """`bind`, Hypercorn's way to write an address, with another host or port; a socket's path or number as it is."""
    if bind.startswith(("unix:", "fd://")) or (host is None and port is None):
        return bind
    old_host, colon, old_port = bind.rpartition(":")
    if not (colon and old_port.isdigit()):
        old_host, old_port = bind, str(HYPERCORNS_PORT)
    if host is not None and ":" in host:
        host = f"[{host.strip('[]')}]"  # IPv6
    return f"{old_host if host is None else host}:{old_port if port is None else port}"


@asynccontextmanager
async def http_served(
    nursery: trio.Nursery, app: QuartTrio, config: Config, *, close_deadline: float
) -> AsyncIterator[None]:
    """HTTP is up inside the block, and closed behind it.

    A client that never reads its answer can hold the server open for ever: after `close_deadline` seconds the process
    ends with 0, for all else is done by then. Raises OSError as `serve_http` does.
    """
    stop, closed = trio.Event(), trio.Event()

    async def serve(task_status: trio.TaskStatus[list[str]]) -> None:
        await serve_http(app, config, stop.wait, task_status=task_status)
        closed.set()

    binds = await nursery.start(serve)
    log.info("HTTP_UP", bind=" ".join(binds))
    yield
    stop.set()
    with trio.move_on_after(close_deadline):
        await closed.wait()
        return
    log.warning("EXIT", reason="a client holds its connection open")
    end_process_now(0)


async def serve_http(
    app: QuartTrio,
    config: Config,
    shutdown: Callable[[], Awaitable[None]],
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `shutdown` returns, then until requests in flight end or `graceful_timeout` is over.

    Starts with the addresses that are bound; raises OSError, which names them, if one cannot be.
    """
    try:
        with hypercorn_fixes():
            await serve(app, config, shutdown_trigger=shutdown, mode="asgi", task_status=task_status)
    except* OSError as group:
        raise OSError(f"cannot serve HTTP at {', '.join(config.bind)}: {describe(leaves(group)[0])}") from None
