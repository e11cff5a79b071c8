"""The Bot API client: one method call in, one result or one honest error out.

It drives httpx transports directly: the client class on top of them costs a third of the throughput under Trio and
logs every URL at INFO, and the URL holds the token.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx
import msgspec
import trio

from telegram_client.answers import result_of
from telegram_client.connections import Connections, OpenTransport, Response, network_transport
from telegram_client.exchange import Exchange, JsonBody, Request, Withheld
from telegram_client.uploads import Form, has_file

__all__ = ["BotApi", "OpenTransport"]

DEFAULT_ROOT = "https://api.telegram.org"
CONNECT_TIMEOUT = 5.0
# For the server to take the next piece of a request.
WRITE_TIMEOUT = 10.0
CALL_TIMEOUT = 10.0

# Raised only before a request is written: while connecting (TLS included), by a proxy that refuses, or for a request
# that is not HTTP.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

_encode_params = msgspec.json.Encoder().encode


def _always() -> bool:
    return True


class BotApi:
    """The methods of one bot. An async context manager: it owns its connections.

    `connections` bounds both the connections and the calls in flight; more callers wait until one is free. A call's
    total deadline is `timeout` seconds, of which `CONNECT_TIMEOUT` at most for connecting. `open_transport` opens one
    connection's transport; without it that goes straight to `root`, or through the proxy that the environment names
    (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY). A `root` on this machine is never reached through a proxy.
    `may_send` is asked right before a request's body is written: where it says no, the call is not sent.
    Raises ValueError for a proxy that cannot be used.
    """

    def __init__(
        self,
        token: str,
        *,
        root: str = DEFAULT_ROOT,
        connections: int = 16,
        timeout: float = CALL_TIMEOUT,
        open_transport: OpenTransport | None = None,
        may_send: Callable[[], bool] = _always,
    ) -> None:
        self._may_send = may_send
        self._base = f"{root.rstrip('/')}/bot{token}/"
        self._urls: dict[str, httpx.URL] = {}
        self._host = httpx.URL(self._base).netloc.decode()
        self._timeout = timeout
        self._in_flight = trio.CapacityLimiter(connections)
        self._connections = Connections(open_transport or network_transport(root))

    def __repr__(self) -> str:
        return "BotApi(...)"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: types.TracebackType | None,
    ) -> None:
        await self._connections.aclose()

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Any:
        """Call `method` with `params` (JSON types) and return the decoded `result`.

        `timeout` replaces the client's total deadline, in seconds. Raises Refused, NotSent (also for a file that
        cannot be read) or InDoubt; TypeError or ValueError for what cannot be written as JSON. An edit that changes
        nothing counts as done and returns True.

        `on_sent` is called at the moment from which on the whole request has left and the server may act on it.
        """
        body = None if params and has_file(params) else JsonBody(_encode_params(params or {}))
        exchange = Exchange(method, params or {}, self._timeout if timeout is None else timeout)
        response: Response | None = None
        if on_sent is not None:
            exchange.on_written = on_sent
        with trio.CancelScope(deadline=trio.current_time() + exchange.timeout):
            async with self._in_flight:
                if body is None:
                    response = await self._upload(exchange)
                else:
                    response = await self._send(exchange, body, "application/json", len(body.data))
        # Raised out here, so that no httpx exception, which holds the URL, hangs on it as its context.
        if exchange.failure is not None:
            raise exchange.failure
        if response is None:
            raise exchange.inconclusive("no answer in time", timed_out=True)
        return result_of(exchange, *response)

    async def _upload(self, exchange: Exchange) -> Response | None:
        try:
            form = await Form.open(exchange.params)
        except OSError as error:
            exchange.failure = exchange.not_sent(_unreadable(error))
            return None
        try:
            return await self._send(exchange, form, form.content_type, form.size)
        finally:
            form.close()

    async def _send(self, exchange: Exchange, body: JsonBody | Form, content_type: str, size: int) -> Response | None:
        exchange.watch(body, self._may_send)
        try:
            return await self._connections.exchange(self._request(exchange, body, content_type, size))
        except Withheld:
            exchange.failure = exchange.not_sent("the right to send had ended")
        except _NOT_SENT as error:
            exchange.failure = exchange.not_sent(_name(error))
        except (httpx.HTTPError, httpx.StreamError) as error:
            timed_out = isinstance(error, httpx.TimeoutException)
            exchange.failure = exchange.inconclusive(_name(error), timed_out=timed_out)
        except OSError as error:
            # A file's, while it was sent: httpx turns the network's into errors of its own.
            exchange.failure = exchange.inconclusive(_unreadable(error))
        return None

    def _request(self, exchange: Exchange, body: JsonBody | Form, content_type: str, size: int) -> Request:
        headers = {
            "Host": self._host,
            "Content-Type": content_type,
            "Content-Length": str(size),
            # Answers are small: compressing them would cost more than it saves.
            "Accept-Encoding": "identity",
        }
        timeouts = {
            "connect": CONNECT_TIMEOUT,
            "write": WRITE_TIMEOUT,
            # An answer may take as long as the call, as a long poll's does.
            "read": exchange.timeout,
            "pool": exchange.timeout,
        }
        url = self._url(exchange.method)
        return Request("POST", url, headers=headers, stream=body, extensions={"timeout": timeouts})

    def _url(self, method: str) -> httpx.URL:
        url = self._urls.get(method)
        if url is None:
            url = self._urls[method] = httpx.URL(self._base + method)
        return url


def _unreadable(error: OSError) -> str:
    return f"a file cannot be sent: {error}"


def _name(error: Exception) -> str:
    # The class alone: the text may hold the address, and the address holds the token.
    return type(error).__name__
