"""One GET whose answer is read piece by piece, straight over a transport: httpx's log does not show its URL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import trio

from telegram_client.connections import network_transport
from telegram_client.exchange import Request

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
"""Seconds for the next piece of an answer."""

CLOSE_DEADLINE = 1.0

OpenFor = Callable[[httpx.URL], httpx.AsyncBaseTransport]
"""Opens a transport that can reach this address; raises ValueError for a proxy that cannot be used."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and its body as it comes. `size` in bytes, where the server tells it."""

    status: int
    headers: httpx.Headers
    body: AsyncIterator[bytes]
    size: int | None


def network_transport_for(url: httpx.URL) -> httpx.AsyncBaseTransport:
    """A transport for one request, through the environment's proxy if it names one for this address."""
    return network_transport(f"{url.scheme}://{url.netloc.decode()}")()


@asynccontextmanager
async def open_get(url: httpx.URL, open_for: OpenFor = network_transport_for) -> AsyncIterator[Answer]:
    """Ask for `url` and read the answer inside the block; redirects are not followed.

    Raises httpx.HTTPError, whose text may hold the address, also while the body is read; ValueError for a proxy that
    cannot be used. The whole of it has no deadline here.
    """
    transport = open_for(url)
    body: AsyncIterator[bytes] | None = None
    try:
        timeouts = {"connect": CONNECT_TIMEOUT, "write": READ_TIMEOUT, "read": READ_TIMEOUT, "pool": READ_TIMEOUT}
        # Not compressed: what comes is counted against a bound as it is.
        headers = {"Host": url.netloc.decode(), "Accept-Encoding": "identity"}
        response = await transport.handle_async_request(
            Request("GET", url, headers=headers, extensions={"timeout": timeouts})
        )
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = aiter(response.stream)
        yield Answer(response.status_code, response.headers, body, _size(response.headers))
    finally:
        with trio.move_on_after(CLOSE_DEADLINE, shield=True):
            await transport.aclose()
            # Without a connection this ends at once, and with it the generators that httpx nests. To close the
            # outermost would leave the others to the garbage collector.
            with suppress(httpx.HTTPError, httpx.StreamError, StopAsyncIteration):
                while body is not None:
                    await anext(body)


def _size(headers: httpx.Headers) -> int | None:
    size = headers.get("content-length", "")
    return int(size) if size.isascii() and size.isdigit() else None
