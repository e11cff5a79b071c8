"""The Bot API client: one method call in, one result or one honest error out.

It drives httpx's transport directly: the client class on top of it costs a third of the throughput under Trio and
logs every URL at INFO, and the URL holds the token.

How sure a failure is follows from one observation: whether the transport has asked for what comes after the request's
last byte. It does so only when that byte's write has returned. If not, the server has at most a part of the request,
which nobody acts on: not sent, unless it refuses. If so: in doubt.
"""

from __future__ import annotations

import json
import types
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Self

import httpcore  # noqa: F401 (httpx imports it at its first call, which takes 10 ms of a handover)
import httpx
import msgspec
import trio

from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.methods import Methods
from telegram_client.proxy import find_proxy
from telegram_client.uploads import Form, has_file

DEFAULT_ROOT = "https://api.telegram.org"
CONNECT_TIMEOUT = 5.0
# For the server to take the next piece of a request.
WRITE_TIMEOUT = 10.0
CALL_TIMEOUT = 10.0
# A page of 100 updates is well below this; an answer that is larger is not Telegram's.
MAX_ANSWER = 8 * 1024 * 1024
KEEP_ALIVE = 60.0
CLOSE_DEADLINE = 1.0
NOT_MODIFIED = "Bad Request: message is not modified"
LONGEST_RETRY_AFTER = 24 * 3600.0

OpenTransport = Callable[[], httpx.AsyncBaseTransport]
_Response = tuple[int, httpx.Headers, "_Answer | None"]

# Raised only before a request is written: while connecting (TLS included), by a proxy that refuses, or for a request
# that is not HTTP.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_GZIP = b"\x1f\x8b"


class _Answer(msgspec.Struct):
    ok: bool
    result: Any = None
    description: str = ""
    parameters: Any = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_encode_params = msgspec.json.Encoder().encode


class _Body(httpx.AsyncByteStream):
    """A body of one piece. `left` is set once somebody who asked for it has asked for more."""

    __slots__ = ("_asked", "data", "left")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = False
        self._asked = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._asked:
            self.left = True
            raise StopAsyncIteration
        self._asked = True
        return self.data


class _Request(httpx.Request):
    """A request that any transport may read either way, and whose repr does not show the address."""

    def __repr__(self) -> str:
        return f"<Request({self.method!r})>"

    @property
    def content(self) -> bytes:
        """The body at once, for transports without a network: who has it may have acted on it."""
        if not isinstance(self.stream, _Body):
            return super().content
        self.stream.left = True
        return self.stream.data


class _Call:
    """One call on its way: what has left of it, and what it failed with."""

    __slots__ = ("body", "chat_id", "failure", "method", "params", "timeout")

    def __init__(self, method: str, params: Mapping[str, Any], timeout: float) -> None:
        self.method = method
        self.params = params
        self.timeout = timeout
        chat_id = params.get("chat_id")
        self.chat_id = chat_id if isinstance(chat_id, int) else None
        self.body: _Body | Form | None = None
        self.failure: TelegramError | None = None

    @property
    def left(self) -> bool:
        """Whether all of the request has left."""
        return self.body is not None and self.body.left

    def not_sent(self, description: str, **more: Any) -> NotSent:
        return NotSent(self.method, description, chat_id=self.chat_id, **more)

    def unsure(self, description: str, **more: Any) -> TelegramError:
        """As sure as can be without an answer that says it."""
        return (InDoubt if self.left else NotSent)(self.method, description, chat_id=self.chat_id, **more)


class BotApi(Methods):
    """The methods of one bot. An async context manager: it owns its connections.

    `connections` bounds both the connections and the calls in flight; more callers wait their turn. A call's total
    deadline is `timeout` seconds, of which `CONNECT_TIMEOUT` at most for connecting. `open_transport` opens one
    connection's transport; without it that is httpx's own, to the network, through the proxy that the environment
    names (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY). A `root` on this machine is never reached through a proxy.
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
    ) -> None:
        self._base = f"{root.rstrip('/')}/bot{token}/"
        self._urls: dict[str, httpx.URL] = {}
        self._host = httpx.URL(self._base).netloc.decode()
        self._timeout = timeout
        self._turn = trio.CapacityLimiter(connections)
        # One transport a connection, the one used last first. A pool of many would look at every one of its sockets
        # at every call, and wedges when cancelled tasks contend for it (httpcore issue 1093).
        self._free: list[httpx.AsyncBaseTransport] = []
        self._open = open_transport or _network_transport(root)

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

        `timeout` replaces the client's total deadline, in seconds. Raises Refused, NotSent (also for a file that
        cannot be read) or InDoubt; TypeError or ValueError for what cannot be written as JSON. An edit that changes
        nothing counts as done and returns True.
        """
        body = None if params and has_file(params) else _Body(_encode_params(params or {}))
        call = _Call(method, params or {}, self._timeout if timeout is None else timeout)
        response: _Response | None = None
        with trio.CancelScope(deadline=trio.current_time() + call.timeout):
            async with self._turn:
                if body is None:
                    response = await self._upload(call)
                else:
                    response = await self._send(call, body, "application/json", len(body.data))
        # Raised out here, so that no httpx exception, which holds the URL, hangs on it as its context.
        if call.failure is not None:
            raise call.failure
        if response is None:
            raise call.unsure("no answer in time")
        return _result(call, *response)

    async def _upload(self, call: _Call) -> _Response | None:
        try:
            form = await Form.open(call.params)
        except OSError as error:
            call.failure = call.not_sent(_unreadable(error))
            return None
        try:
            return await self._send(call, form, form.content_type, form.size)
        finally:
            form.close()

    async def _send(self, call: _Call, body: _Body | Form, content_type: str, size: int) -> _Response | None:
        call.body = body
        # An encoding would have to be undone; answers are small.
        headers = {
            "Host": self._host,
            "Content-Type": content_type,
            "Content-Length": str(size),
            "Accept-Encoding": "identity",
        }
        # An answer may take as long as the call, as a long poll's does.
        timeout = {"connect": CONNECT_TIMEOUT, "write": WRITE_TIMEOUT, "read": call.timeout, "pool": call.timeout}
        url, extensions = self._url(call.method), {"timeout": timeout}
        request = _Request("POST", url, headers=headers, stream=body, extensions=extensions)
        try:
            return await self._exchange(request)
        except _NOT_SENT as error:
            call.failure = call.not_sent(_name(error))
        except (httpx.HTTPError, httpx.StreamError) as error:
            call.failure = call.unsure(_name(error))
        except OSError as error:
            # httpx makes its own errors of the network's: this one is a file's, in the midst of it.
            call.failure = call.unsure(_unreadable(error))
        return None

    async def _exchange(self, request: httpx.Request) -> _Response:
        transport = self._free.pop() if self._free else self._open()
        try:
            response = await transport.handle_async_request(request)
            answer = _decode(await _read(response))
            await response.aclose()
        except BaseException:
            # Half-way through an answer, or with a connection that nobody knows the state of: not used again.
            await _discard(transport)  # noqa: ASYNC102 (shields itself)
            raise
        if answer is None:
            # Not Telegram's answer, or a part of one, and what comes behind it would be taken for the next call's.
            await _discard(transport)
        else:
            self._free.append(transport)
        return response.status_code, response.headers, answer

    def _url(self, method: str) -> httpx.URL:
        url = self._urls.get(method)
        if url is None:
            url = self._urls[method] = httpx.URL(self._base + method)
        return url


def _network_transport(root: str) -> OpenTransport:
    verify = httpx.create_ssl_context() if httpx.URL(root).scheme == "https" else False
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE)
    proxy = find_proxy(root)

    def open_transport() -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(limits=limits, verify=verify, proxy=proxy)

    return open_transport


async def _discard(transport: httpx.AsyncBaseTransport) -> None:
    with trio.move_on_after(CLOSE_DEADLINE, shield=True):
        await transport.aclose()


async def _read(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    # The raw stream: no encoding was asked for.
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


def _result(call: _Call, status: int, headers: httpx.Headers, answer: _Answer | None) -> Any:
    """The decoded result, or the error that the answer amounts to."""
    if answer is not None and answer.ok and 200 <= status < 300:
        return answer.result
    description = answer.description if answer is not None else "the answer is not JSON"
    parameters = answer.parameters if answer is not None and isinstance(answer.parameters, dict) else {}
    if status == 400 and description.startswith(NOT_MODIFIED):
        return True
    if status == 429:
        wait = _seconds(parameters.get("retry_after")) or _seconds(headers.get("retry-after"))
        raise call.not_sent(description, status=status, retry_after=wait)
    # Of the pages that are not Telegram's, one will be the same next time: it does not take so much.
    no = not answer.ok if answer is not None else status == 413 and not call.left
    if 400 <= status < 500 and no:
        moved_to = parameters.get("migrate_to_chat_id")
        raise Refused(
            call.method,
            description,
            chat_id=call.chat_id,
            status=status,
            migrate_to_chat_id=moved_to if isinstance(moved_to, int) else None,
        )
    raise call.unsure(description, status=status)


def _decode(body: bytes) -> _Answer | None:
    """The answer, or None if it is not one of Telegram's."""
    try:
        return _decode_answer(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # msgspec refuses lone surrogates, which a name or a text in a result may hold, and a proxy may compress what
        # it was asked not to: still delivered.
        try:
            return msgspec.convert(json.loads(_unzipped(body)), _Answer)
        except (ValueError, RecursionError, zlib.error):
            return None


def _unzipped(body: bytes) -> bytes:
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, MAX_ANSWER) if body.startswith(_GZIP) else body


def _seconds(value: Any) -> float | None:
    """What was said of how long to wait; None if that is nothing that can be waited for."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None


def _unreadable(error: OSError) -> str:
    return f"a file cannot be sent: {error}"


def _name(error: Exception) -> str:
    # The class alone: the text may hold the address, and the address holds the token.
    return type(error).__name__
