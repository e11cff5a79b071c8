"""The fake httpx transport of all tests, and the answers that it is told to give."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

import httpx
import trio

Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class FakeTransport(httpx.AsyncBaseTransport):
    """Answers each request as `answer` says, and keeps it in `requests`; `closed` says whether it was closed.

    Without `reads_body` nobody asks for the request's body, as when a connection fails before it was taken.
    """

    def __init__(self, answer: Answer, *, reads_body: bool = True) -> None:
        self._answer = answer
        self._reads_body = reads_body
        self.requests: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert not self.closed, "used after it was closed"
        self.requests.append(request)
        await trio.lowlevel.checkpoint()
        if self._reads_body:
            await request.aread()
        answer = self._answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True


def answering(status: int, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer every request with this; bytes as they are, other things as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content, headers=headers)
