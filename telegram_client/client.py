"""The Bot API client: one method call in, one result or one honest error out.

It drives httpx's transport directly: the client class on top of it costs a third of the throughput under Trio and
logs every URL at INFO, and the URL holds the token.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
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
NOT_MODIFIED = "Bad Request: message is not modified"


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
    deadline is `timeout` seconds, of which `CONNECT_TIMEOUT` at most for connecting.
    """

    def __init__(
        self,
        token: str,
        *,
        root: str = DEFAULT_ROOT,
        connections: int = 16,
        timeout: float = CALL_TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = f"{root.rstrip('/')}/bot{token}/"
        self._urls: dict[str, httpx.URL] = {}
        self._timeout = timeout
        # httpcore's pool wedges when cancelled tasks contend for its connections (httpcore issue 1093): let no
        # more callers in than it has connections.
        self._turn = trio.CapacityLimiter(connections)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60)
        self._transport = transport or httpx.AsyncHTTPTransport(limits=limits, verify=root.startswith("https"))
        waits = {"connect": CONNECT_TIMEOUT, "read": timeout, "write": timeout, "pool": timeout}
        self._extensions = {"timeout": waits}

    def __repr__(self) -> str:
        return "BotApi(...)"

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: types.TracebackType | None,
    ) -> None:
        with trio.move_on_after(1, shield=True):
            await self._transport.__aexit__(exc_type, exc, tb)

    async def call(self, method: str, params: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        """Call `method` with `params` (JSON types) and return the decoded `result`.

        `timeout` replaces the client's total deadline, in seconds. Raises Refused, NotSent or InDoubt. An edit
        that changes nothing counts as done and returns True.
        """
        chat_id = _chat_id(params)
        answer: httpx.Response | None = None
        body = b""
        failure: TelegramError | None = None
        written = False
        with trio.move_on_after(timeout or self._timeout) as scope:
            async with self._turn:
                written = True
                try:
                    answer, body = await self._exchange(method, params)
                except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
                    failure = NotSent(method, _name(error), chat_id=chat_id)
                except (httpx.HTTPError, httpx.StreamError) as error:
                    failure = InDoubt(method, _name(error), chat_id=chat_id)
        if scope.cancelled_caught:
            kind = InDoubt if written else NotSent
            failure = kind(method, "no answer in time", chat_id=chat_id)
        # Raised out here, so that no httpx exception, which holds the URL, hangs on it as its context.
        if failure is not None:
            raise failure
        assert answer is not None
        return _result(method, chat_id, answer, body)

    async def _exchange(self, method: str, params: Mapping[str, Any] | None) -> tuple[httpx.Response, bytes]:
        request = httpx.Request(
            "POST",
            self._url(method),
            headers={"Content-Type": "application/json"},
            content=_encode_params(params or {}),
            extensions=self._extensions,
        )
        response = await self._transport.handle_async_request(request)
        try:
            return response, await _read(response)
        finally:
            with trio.move_on_after(1, shield=True):
                await response.aclose()

    def _url(self, method: str) -> httpx.URL:
        url = self._urls.get(method)
        if url is None:
            url = self._urls[method] = httpx.URL(self._base + method)
        return url


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise httpx.DecodingError("answer too large")
    return bytes(body)


def _result(method: str, chat_id: int | None, response: httpx.Response, body: bytes) -> Any:
    """The decoded result, or the error that `response` amounts to."""
    status = response.status_code
    try:
        answer = _decode_answer(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = None
    if answer is not None and answer.ok and 200 <= status < 300:
        return answer.result
    description = answer.description if answer is not None else "the answer is not JSON"
    parameters = (answer.parameters if answer is not None else None) or _Parameters()
    if status == 400 and description.startswith(NOT_MODIFIED):
        return True
    if status == 429:
        wait = parameters.retry_after or _seconds(response.headers.get("retry-after"))
        raise NotSent(method, description, chat_id=chat_id, status=status, retry_after=wait)
    if answer is None or status >= 500 or status < 400:
        raise InDoubt(method, description, chat_id=chat_id, status=status)
    raise Refused(
        method, description, chat_id=chat_id, status=status, migrate_to_chat_id=parameters.migrate_to_chat_id
    )


def _chat_id(params: Mapping[str, Any] | None) -> int | None:
    chat_id = params.get("chat_id") if params else None
    return chat_id if isinstance(chat_id, int) else None


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdigit() else None


def _name(error: Exception) -> str:
    # The class alone: the text may hold the address, and the address holds the token.
    return type(error).__name__
