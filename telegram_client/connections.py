"""Connections to the Bot API: opened when they are needed, used again, thrown away after anything unusual."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncGenerator, Callable
from functools import cache

import httpcore  # noqa: F401 (httpx imports it at its first call, which takes 10 ms of a handover)
import httpx
import trio

from telegram_client.answers import MAX_ANSWER, Answer, decode
from telegram_client.direct_transport import SCHEMES, DirectTransport
from telegram_client.proxy import find_proxy

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""The variables that name whom to trust in place of the usual ones. What they name is read once by a process."""

KEEP_ALIVE = 60.0
CLOSE_DEADLINE = 1.0

OpenTransport = Callable[[], httpx.AsyncBaseTransport]
Response = tuple[int, httpx.Headers, Answer | None]


class Connections:
    """Transports of one connection each, opened by `open_transport`; the one used last is used first.

    A pool of many would look at every one of its sockets at every call, and wedges when cancelled tasks contend for
    it (httpcore issue 1093).
    """

    def __init__(self, open_transport: OpenTransport) -> None:
        self._open = open_transport
        self._free: list[httpx.AsyncBaseTransport] = []
        self._closed = False

    async def exchange(self, request: httpx.Request) -> Response:
        """Send `request` and read its answer: status, headers, and the answer or None if it is not Telegram's.

        Raises what httpx raises: HTTPError or StreamError; and the OSError of a file that is sent.
        """
        transport = self._free.pop() if self._free else self._open()
        try:
            response = await transport.handle_async_request(request)
            # The raw stream: no encoding was asked for.
            stream = response.stream
            assert isinstance(stream, httpx.AsyncByteStream)
            answer = decode(await _read(stream))
            await stream.aclose()
        except BaseException:
            # Half-way through an answer, or with a connection whose state nobody knows: not used again.
            await _close(transport)  # noqa: ASYNC102 (shields itself)
            raise
        if answer is None or self._closed:
            # Not Telegram's answer, or a part of one: what comes behind it would be taken for the next call's. Or a
            # call that has outlived everybody who could make another.
            await _close(transport)
        else:
            self._free.append(transport)
        return response.status_code, response.headers, answer

    async def aclose(self) -> None:
        """Close all that are free, in a second each at most, also when cancelled; the others after their answers."""
        self._closed = True
        while self._free:
            await _close(self._free.pop())


def network_transport(root: str) -> OpenTransport:
    """Opens transports to `root`: straight to it, or httpx's own through the proxy that the environment names.

    Raises ValueError for a proxy that cannot be used.
    """
    url = httpx.URL(root)
    tls = _tls_context(*map(os.environ.get, CERTIFICATES)) if url.scheme == "https" else None
    proxy = find_proxy(root)
    if proxy is None and url.scheme in SCHEMES:
        return lambda: DirectTransport(url, tls, KEEP_ALIVE)
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE)
    return lambda: httpx.AsyncHTTPTransport(limits=limits, verify=tls or False, proxy=proxy)


@cache
def _tls_context(*_certificates: str | None) -> ssl.SSLContext:
    # Made once: reading all certificates takes 20 ms of processor time, at each takeover and each file fetched.
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _close(transport: httpx.AsyncBaseTransport) -> None:
    with trio.move_on_after(CLOSE_DEADLINE, shield=True):
        await transport.aclose()


async def _read(stream: httpx.AsyncByteStream) -> bytes:
    chunks: list[bytes] = []
    size = 0
    pieces = aiter(stream)
    async for chunk in pieces:
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()  # at once: the garbage collector would do it at some later time
            raise httpx.DecodingError("answer too large")
    return b"".join(chunks)
