"""The client of kie.ai: one call in, one result or one honest error out (providers/provider.py)."""

from __future__ import annotations

import ipaddress
import types
from collections.abc import AsyncIterable, Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import trio

from providers.kie.answers import (
    DONE,
    Answer,
    decode,
    is_unknown_task,
    number_in,
    refusal_kind,
    task_id_in,
    task_in,
    url_in,
)
from providers.kie.exchange import ContentFailed, Exchange, order, query, upload
from providers.provider import InDoubt, NotSent, Refused, Task

ROOT = "https://api.kie.ai"
UPLOAD_ROOT = "https://kieai.redpandaai.co"
UPLOAD_PATH = "inputs"

CONNECT_TIMEOUT = 5.0
# For the server to take the next piece of a request.
WRITE_TIMEOUT = 10.0
CREATE_TIMEOUT = 30.0
QUERY_TIMEOUT = 10.0
UPLOAD_TIMEOUT = 120.0
CLOSE_TIMEOUT = 1.0
MAX_ANSWER = 4 * 1024 * 1024

OpenTransport = Callable[[], httpx.AsyncBaseTransport]

# Raised only before a request is written: while connecting (TLS included), by a proxy that refuses, or for a request
# that is not HTTP.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Kie:
    """A Provider. An async context manager: it owns its connections.

    `root` is where the API is. Files go to `upload_root`: where it is not given, to kie's own host for them, or to
    `root` if that is another than kie's, as what stands in for kie has one address. `connections` bounds both the
    connections and the calls in flight; more callers wait until one is free, within their own call's deadline.
    `open_transport` replaces the network; without it the proxy that the environment names is used, though not for a
    `root` on this machine. Raises ValueError for a key that cannot be a header.

    Nothing that it raises holds the key, nor an httpx exception, which holds it in its request.
    """

    def __init__(
        self,
        key: str,
        root: str = ROOT,
        upload_root: str | None = None,
        connections: int = 8,
        open_transport: OpenTransport | None = None,
    ) -> None:
        if not (key.isascii() and key.isprintable() and key.strip() == key != ""):
            raise ValueError("the key is not printable ASCII, or has spaces around it")
        self._key = key.encode()
        self._root = root.rstrip("/")
        self._upload_root = (upload_root or (UPLOAD_ROOT if self._root == ROOT else self._root)).rstrip("/")
        # No more callers than connections: httpx's pool wedges when cancelled tasks contend for one (httpcore 1093).
        self._in_flight = trio.CapacityLimiter(connections)
        self._http = httpx.AsyncClient(
            transport=open_transport() if open_transport is not None else None,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=not _is_local(root),
        )

    def __repr__(self) -> str:
        return "Kie(...)"

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: types.TracebackType | None,
    ) -> None:
        with trio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await self._http.aclose()

    async def create(self, model: str, given: Mapping[str, Any], callback_url: str | None) -> str:
        """Have it made; returns the task's id. Raises TypeError or ValueError for what cannot be written as JSON.

        Not repeatable: kie has no key by which it would know a second create for the first one.
        """
        request: dict[str, Any] = {"model": model, "input": dict(given)}
        if callback_url is not None:
            request["callBackUrl"] = callback_url
        data = await self._call(order(f"{self._root}/api/v1/jobs/createTask", request, CREATE_TIMEOUT))
        task_id = task_id_in(data)
        if task_id is None:
            raise InDoubt("it is created, and the answer names no task")
        return task_id

    async def task(self, task_id: str) -> Task | None:
        """How a task goes; None while kie does not know it, which right after its create may be for 90 s."""
        address = f"{self._root}/api/v1/jobs/recordInfo?{urlencode({'taskId': task_id}, errors='replace')}"
        exchange = query(address, QUERY_TIMEOUT)
        answer = await self._answer(exchange)
        if is_unknown_task(answer):
            return None
        task = task_in(_data(exchange, answer), task_id)
        if task is None:
            raise InDoubt("the answer is no record of this task")
        return task

    async def upload(self, name: str, content: AsyncIterable[bytes], size: int) -> str:
        """Give kie a file to work on; returns its address, which is good for 3 days. Repeatable.

        What `content` raises goes through as it is. Raises NotSent if it is not `size` bytes long.
        """
        safe_name = quote(PurePosixPath(name).name or "file", safe="", errors="replace")
        fields = {"uploadPath": UPLOAD_PATH, "fileName": safe_name}
        address = f"{self._upload_root}/api/file-stream-upload"
        data = await self._call(upload(address, fields, safe_name, content, size, UPLOAD_TIMEOUT))
        return _address(data.get("downloadUrl") if isinstance(data, dict) else None)

    async def fresh_url(self, url: str) -> str:
        """Another address for one of kie's results, good for 20 minutes."""
        return _address(
            await self._call(order(f"{self._root}/api/v1/common/download-url", {"url": url}, QUERY_TIMEOUT))
        )

    async def credit(self) -> float:
        """How many credits the account has left; it tells as well whether the key is accepted."""
        credit = number_in(await self._call(query(f"{self._root}/api/v1/chat/credit", QUERY_TIMEOUT)))
        if credit is None:
            raise InDoubt("the answer is no number")
        return credit

    async def _call(self, exchange: Exchange) -> Any:
        """The data of the answer. Raises ProviderError."""
        return _data(exchange, await self._answer(exchange))

    async def _answer(self, exchange: Exchange) -> Answer:
        """Make the call and return the answer, whatever it says. Raises NotSent or InDoubt."""
        answer: Answer | None = None
        with trio.move_on_after(exchange.timeout):
            async with self._in_flight:
                answer = await self._round_trip(exchange)
        # Raised out here, so that no httpx exception, which holds the key, hangs on it as its context.
        if exchange.failure is not None:
            raise exchange.failure
        if answer is None:
            raise exchange.inconclusive("no answer in time")
        return answer

    async def _round_trip(self, exchange: Exchange) -> Answer | None:
        try:
            response = await self._http.send(self._request(exchange), stream=True)
            try:
                content = await _read(response)
            finally:
                with trio.move_on_after(CLOSE_TIMEOUT, shield=True):
                    await response.aclose()
        except _NOT_SENT as error:
            exchange.failure = NotSent(_name(error))
        except ContentFailed:
            exchange.failure = exchange.body.failure
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            exchange.failure = exchange.inconclusive(_name(error))
        else:
            # Whoever echoes the key in what it says does not bring it into an error or a row.
            answer = decode(response.status_code, response.headers, content.replace(self._key, b"***"))
            if answer is None:
                exchange.failure = exchange.inconclusive(f"HTTP {response.status_code}, and not an answer of kie's")
            return answer
        return None

    def _request(self, exchange: Exchange) -> httpx.Request:
        url = httpx.URL(exchange.url)
        headers = {
            "Host": url.netloc.decode(),
            "Authorization": f"Bearer {self._key.decode()}",
            # Answers are small, and one that is not compressed cannot fail to be unpacked.
            "Accept-Encoding": "identity",
        }
        if exchange.content_type is not None:
            headers |= {"Content-Type": exchange.content_type, "Content-Length": str(exchange.body.length)}
        timeouts = {
            "connect": CONNECT_TIMEOUT,
            "write": WRITE_TIMEOUT,
            "read": exchange.timeout,
            "pool": exchange.timeout,
        }
        extensions = {"timeout": timeouts}
        return httpx.Request(exchange.method, url, headers=headers, stream=exchange.body, extensions=extensions)


def _data(exchange: Exchange, answer: Answer) -> Any:
    """What a call has brought that was done; raises the error that it amounts to where it was not."""
    if answer.code == DONE:
        return answer.data
    said = f"{answer.code} {answer.text}".rstrip()
    kind = refusal_kind(answer.code)
    if kind is None:
        raise exchange.inconclusive(said)
    raise Refused(kind, said, answer.retry_after)


def _address(value: Any) -> str:
    url = url_in(value)
    if url is None:
        raise InDoubt("the answer is no address")
    return url


async def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    # The raw stream: no encoding was asked for.
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for piece in response.stream:
        # What is too much is dropped, within the call's deadline: httpx's streams are generators in generators, which
        # can be read to their ends or be cancelled, and nothing in between.
        if len(content) <= MAX_ANSWER:
            content += piece
    if len(content) > MAX_ANSWER:
        raise httpx.DecodingError("answer too large")
    return bytes(content)


def _is_local(root: str) -> bool:
    """Whether this address is on this machine."""
    host = httpx.URL(root).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _name(error: Exception) -> str:
    # The class alone: it says what happened, and the text may hold anything.
    return type(error).__name__
