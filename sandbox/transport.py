"""An httpx transport into the sandbox without sockets, so that a client can run under a mocked clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import trio

from sandbox.api import Api, ConnectionCut


class _Body(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class SandboxTransport(httpx.AsyncBaseTransport):
    """Carries requests to `api` in this process, faults included.

    `latency` is the seconds that each leg takes, the request and the answer; even at 0 each leg is a checkpoint. A
    client cancelled on the first leg has changed nothing; on the second leg the effect stands and only the answer is
    lost; while a SLOW fault holds its call up, the effect still comes in its time. httpx's timeouts are not applied.
    """

    def __init__(self, api: Api, *, latency: float = 0.0) -> None:
        self._api = api
        self._latency = latency
        self._shut = False

    def shut(self) -> None:
        """From now on every request fails with ConnectError and has no effect, as if the network were gone."""
        self._shut = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Perform one request. Raises httpx.ConnectError when shut, RemoteProtocolError for a cut connection."""
        if self._shut:
            raise httpx.ConnectError("the sandbox is out of reach", request=request)
        body = await request.aread()
        await trio.sleep(self._latency)
        if self._shut:
            raise httpx.ReadError("the connection is gone", request=request)
        try:
            reply = await self._api.handle(
                request.url.raw_path.decode("ascii"), request.headers.get("content-type", ""), body
            )
        except ConnectionCut:
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            ) from None
        await trio.sleep(self._latency)
        headers = [*reply.headers, ("Content-Length", str(len(reply.content)))]
        return httpx.Response(reply.status, headers=headers, stream=_Body(reply.content), request=request)
