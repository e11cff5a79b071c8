"""The Bot API client: one method call in, one result or one honest error out.

It drives httpx's transport directly: the client class on top of it costs a third of the throughput under Trio and
logs every URL at INFO, and the URL holds the token.
"""

from __future__ import annotations

import json
import types
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Self

import httpx
import msgspec
import trio

from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError

DEFAULT_ROOT = "https://api.telegram.org"
CONNECT_TIMEOUT = 5.0
CALL_TIMEOUT = 10.0
# A page of 100 updates is well below this; an answer that is larger is not Telegram's.
MAX_ANSWER = 8 * 1024 * 1024
KEEP_ALIVE = 60.0
CLOSE_DEADLINE = 1.0
NOT_MODIFIED = "Bad Request: message is not modified"

OpenTransport = Callable[[], httpx.AsyncBaseTransport]

# Accept-Encoding is left out on purpose: answers are small, and what is not JSON is not read.
_HEADERS = {"Content-Type": "application/json"}
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class _Parameters(msgspec.Struct):
    retry_after: float | None = None
    migrate_to_chat_id: int | None = None


class _Answer(msgspec.Struct):
    ok: bool
    result: Any = None
    description: str = ""
    parameters: _Parameters | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_encode_params = msgspec.json.Encoder().encode


class BotApi:
    """The methods of one bot. An async context manager: it owns its connections.

    `connections` bounds both the connections and the calls in flight; more callers wait their turn. A call's total
    deadline is `timeout` seconds, of which `CONNECT_TIMEOUT` at most for connecting. `open_transport` opens one
    connection's transport; without it that is httpx's own, to the network.
    """

    def __init__(
        self,
        token: str,
        *,
        root: str = DEFAULT_ROOT,
        connections: int = 16,
        timeout: float = CALL_TIMEOUT,
        open_transport: OpenTransport | None = None,
    ) -> None:
        self._base = f"{root.rstrip('/')}/bot{token}/"
        self._urls: dict[str, httpx.URL] = {}
        self._timeout = timeout
        self._turn = trio.CapacityLimiter(connections)
        # One transport a connection, the one used last first. A pool of many would look at every one of its sockets
        # at every call, and wedges when cancelled tasks contend for it (httpcore issue 1093).
        self._free: list[httpx.AsyncBaseTransport] = []
        self._open = open_transport or _network_transport(root)
        waits = {"connect": CONNECT_TIMEOUT, "read": timeout, "write": timeout, "pool": timeout}
        self._extensions = {"timeout": waits}

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
        while self._free:
            await _discard(self._free.pop())  # noqa: ASYNC102 (shields itself)

    async def call(self, method: str, params: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        """Call `method` with `params` (JSON types) and return the decoded `result`.

        `timeout` replaces the client's total deadline, in seconds. Raises Refused, NotSent or InDoubt. An edit
        that changes nothing counts as done and returns True.
        """
        chat_id = _chat_id(params)
        status, headers, body = 0, httpx.Headers(), b""
        failure: TelegramError | None = None
        written = False
        with trio.CancelScope(deadline=trio.current_time() + (timeout or self._timeout)) as scope:
            async with self._turn:
                written = True
                try:
                    status, headers, body = await self._exchange(method, params)
                except _NOT_SENT as error:
                    failure = NotSent(method, _name(error), chat_id=chat_id)
                except (httpx.HTTPError, httpx.StreamError) as error:
                    failure = InDoubt(method, _name(error), chat_id=chat_id)
        if scope.cancelled_caught:
            kind = InDoubt if written else NotSent
            failure = kind(method, "no answer in time", chat_id=chat_id)
        # Raised out here, so that no httpx exception, which holds the URL, hangs on it as its context.
        if failure is not None:
            raise failure
        return _result(method, chat_id, status, headers, body)

    async def _exchange(self, method: str, params: Mapping[str, Any] | None) -> tuple[int, httpx.Headers, bytes]:
        request = httpx.Request(
            "POST",
            self._url(method),
            headers=_HEADERS,
            content=_encode_params(params or {}),
            extensions=self._extensions,
        )
        transport = self._free.pop() if self._free else self._open()
        try:
            response = await transport.handle_async_request(request)
            body = await _read(response)
            await response.aclose()
        except BaseException:
            # Half-way through an answer, or with a connection that nobody knows the state of: not used again.
            await _discard(transport)  # noqa: ASYNC102 (shields itself)
            raise
        self._free.append(transport)
        return response.status_code, response.headers, body

    def _url(self, method: str) -> httpx.URL:
        url = self._urls.get(method)
        if url is None:
            url = self._urls[method] = httpx.URL(self._base + method)
        return url


def _network_transport(root: str) -> OpenTransport:
    verify = httpx.create_ssl_context() if root.startswith("https") else False
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE)
    return lambda: httpx.AsyncHTTPTransport(limits=limits, verify=verify)


async def _discard(transport: httpx.AsyncBaseTransport) -> None:
    with trio.move_on_after(CLOSE_DEADLINE, shield=True):
        await transport.aclose()


async def _read(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    # The raw stream: no encoding was asked for, and a body that is not JSON is no result anyway.
    assert isinstance(response.stream, httpx.AsyncByteStream)
    stream = aiter(response.stream)
    async for chunk in stream:
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()  # left to the garbage collector, it would be closed who knows when
            raise httpx.DecodingError("answer too large")
    return b"".join(chunks)


def _result(method: str, chat_id: int | None, status: int, headers: httpx.Headers, body: bytes) -> Any:
    """The decoded result, or the error that the answer amounts to."""
    answer = _decode(body)
    if answer is not None and answer.ok and 200 <= status < 300:
        return answer.result
    description = answer.description if answer is not None else "the answer is not JSON"
    parameters = (answer.parameters if answer is not None else None) or _Parameters()
    if status == 400 and description.startswith(NOT_MODIFIED):
        return True
    if status == 429:
        wait = parameters.retry_after or _seconds(headers.get("retry-after"))
        raise NotSent(method, description, chat_id=chat_id, status=status, retry_after=wait)
    if answer is None or status >= 500 or status < 400:
        raise InDoubt(method, description, chat_id=chat_id, status=status)
    raise Refused(method, description, chat_id=chat_id, status=status, migrate_to_chat_id=parameters.migrate_to_chat_id)


def _decode(body: bytes) -> _Answer | None:
    """The answer, or None if it is not one of Telegram's."""
    try:
        return _decode_answer(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # msgspec refuses lone surrogates, which a name or a text in a result may hold: still delivered.
        try:
            return msgspec.convert(json.loads(body), _Answer)
        except (ValueError, RecursionError):
            return None


def _chat_id(params: Mapping[str, Any] | None) -> int | None:
    chat_id = params.get("chat_id") if params else None
    return chat_id if isinstance(chat_id, int) else None


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdigit() else None


def _name(error: Exception) -> str:
    # The class alone: the text may hold the address, and the address holds the token.
    return type(error).__name__
