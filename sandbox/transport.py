"""An httpx transport into a stand-in without sockets, so that a client can run under a mocked clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import trio

from sandbox.api import ConnectionCut, HttpResponse
from sandbox.http_server import HttpRequest

Answer = Callable[[HttpRequest], Awaitable[HttpResponse]]
"""`await handle(request)`; raises ConnectionCut to close the connection without an answer."""


class InProcessTransport(httpx.AsyncBaseTransport):
    """Carries requests to `handle` in this process, faults included.

    `latency` is the seconds that each leg takes, the request and the answer; even at 0 each leg is a checkpoint. A
    client cancelled on the first leg has changed nothing; on the second leg the effect stands and only the answer is
    lost; while a fault holds its call up, the effect still comes in its time. httpx's timeouts are not applied.
    """

    def __init__(self, handle: Answer, *, latency: float = 0.0) -> None:
        self._handle = handle
        self._latency = latency
        self._shut = False

    def shut(self) -> None:
        """From now on every request fails with ConnectError and has no effect, as if the network were gone."""
        self._shut = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Perform one request. Raises httpx.ConnectError when shut, RemoteProtocolError for a cut connection."""
        if self._shut:
            raise httpx.ConnectError("the stand-in is out of reach", request=request)
        body = await request.aread()
        await trio.sleep(self._latency)
        if self._shut:
            raise httpx.ReadError("the connection is gone", request=request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = HttpRequest(
            request.method, request.url.raw_path.decode("ascii"), headers.get("content-type", ""), body, headers
        )
        try:
            reply = await self._handle(received)
        except ConnectionCut:
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            ) from None
        await trio.sleep(self._latency)
        answered = [*reply.headers, ("Content-Length", str(len(reply.content)))]
        content = b"" if request.method == "HEAD" else reply.content
        return httpx.Response(reply.status, headers=answered, stream=httpx.ByteStream(content), request=request)
