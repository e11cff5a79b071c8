"""The HTTP server: Hypercorn under Trio, and its configuration."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.typing import ConnectionState
from hypercorn.utils import repr_socket_addr
from quart_trio import QuartTrio

from svc.intake.deferred_listener import DeferredListener
from svc.intake.hypercorn_connections import FIRST_REQUEST_TIMEOUT, FastConnection, ServerContext
from svc.intake.hypercorn_fixes import hypercorn_fixes
from svc.intake.open_connections import MAX_CONNECTIONS, OpenConnections, most_connections_here
from svc.observability.errors import describe, leaves
from svc.shutdown import end_process_now

log = structlog.get_logger()

CONFIG_FILE = "hypercorn.toml"
# What counts without a hypercorn.toml in the working folder. The repository's says the same (compared by a test) and
# gives the reasons.
BUILT_IN: dict[str, Any] = {
    "bind": ["0.0.0.0:8080"],
    "backlog": 4096,
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
        if type(_option(config, name)) not in (int, float):
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


Beginning = Callable[[bytes], bool]
"""What is thought of the first bytes of a connection."""


def nothing_special(_said: bytes) -> bool:
    """No connection comes before another one."""
    return False


@asynccontextmanager
async def http_served(
    nursery: trio.Nursery,
    app: QuartTrio,
    config: Config,
    *,
    close_deadline: float,
    comes_first: Beginning = nothing_special,
) -> AsyncIterator[None]:
    """HTTP is up inside the block, and closed behind it. New connections that begin with something that `comes_first`
    are served before others.

    A client that never reads its answer can hold the server open for ever: after `close_deadline` seconds the process
    ends with 0, for all else is done by then. Raises OSError as `serve_http` does.
    """
    stop, closed = trio.Event(), trio.Event()

    async def serve(task_status: trio.TaskStatus[list[str]]) -> None:
        await serve_http(app, config, stop.wait, comes_first, task_status=task_status)
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
    comes_first: Beginning = nothing_special,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `shutdown` returns, then until requests in flight end or `graceful_timeout` is over.

    Starts with the addresses that are bound; raises OSError, which names them, if one cannot be.
    """
    try:
        with hypercorn_fixes():
            await _serve(app, config, shutdown, comes_first, task_status)
    except* OSError as group:
        raise OSError(f"cannot serve HTTP at {', '.join(config.bind)}: {describe(leaves(group)[0])}") from None


async def _serve(
    app: QuartTrio,
    config: Config,
    shutdown: Callable[[], Awaitable[None]],
    comes_first: Beginning,
    task_status: trio.TaskStatus[list[str]],
) -> None:
    """What Hypercorn's own `serve` does, with our listener and our connections."""
    asgi = ASGIWrapper(app)
    lifespan = Lifespan(asgi, config, {})
    context = ServerContext(OpenConnections(most_connections_here(_option(config, "max_connections"))))
    async with trio.open_nursery() as app_nursery:
        await app_nursery.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        async with trio.open_nursery() as connections_nursery:
            listeners, binds = _listen(config, context.connections, comes_first)
            connection = partial(FastConnection, asgi, config, context, ConnectionState({}))
            serve = partial(trio.serve_listeners, connection, listeners, handler_nursery=connections_nursery)
            async with trio.open_nursery() as accepting:
                accepting.start_soon(serve)
                task_status.started(binds)
                await shutdown()
                accepting.cancel_scope.cancel(reason="the server shuts down")
            await context.terminated.set()
            connections_nursery.cancel_scope.deadline = trio.current_time() + config.graceful_timeout
        await lifespan.wait_for_shutdown()
        app_nursery.cancel_scope.cancel(reason="the server has shut down")


def _listen(config: Config, connections: OpenConnections, comes_first: Beginning) -> tuple[list[Any], list[str]]:
    """A listener for each address of `config`, and the addresses as they are bound. Raises OSError."""
    sockets, tls = config.create_sockets(), config.create_ssl_context()
    listeners: list[Any] = []
    binds = []
    # Without a certificate all sockets are insecure ones.
    for listening in (*sockets.secure_sockets, *sockets.insecure_sockets):
        listening.listen(config.backlog)
        plain = DeferredListener(listening, connections, _option(config, "first_request_timeout"), comes_first)
        address = repr_socket_addr(listening.family, listening.getsockname())
        if tls is not None and listening in sockets.secure_sockets:
            listeners.append(trio.SSLListener(plain, tls, https_compatible=True))
            binds.append(f"https://{address}")
        else:
            listeners.append(plain)
            binds.append(f"http://{address}")
    return listeners, binds


def _option(config: Config, name: str) -> Any:
    """A number of `config`; two of them are ours, for which Hypercorn has no default."""
    return getattr(config, name, BUILT_IN[name])
