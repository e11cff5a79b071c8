"""A `Post` that calls an ASGI app in this process: webhooks without sockets, under any clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import trio

from sandbox.webhook_answer import PostResult
from sandbox.webhooks import Post

_Event = MutableMapping[str, Any]
AsgiApp = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
"""An ASGI 3 application; the arguments are loosely typed, as frameworks disagree on the names."""


def asgi_post(app: AsgiApp) -> Post:
    """Post into `app` whatever the URL's host is. An exception of the app goes through: it is a bug there."""

    async def post(url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        request: list[_Event] = [{"type": "http.request", "body": body, "more_body": False}]
        answer: list[_Event] = []

        async def receive() -> _Event:
            if not request:
                await trio.sleep_forever()
            return request.pop()

        async def send(event: _Event) -> None:
            await trio.lowlevel.checkpoint()
            answer.append(event)

        await app(_scope(url, headers), receive, send)
        if not answer or answer[0]["type"] != "http.response.start":
            raise ConnectionError("Webhook connection closed")
        received = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer[0].get("headers", [])]
        # ASGI knows no reason phrase: that is for the server to add, and Hypercorn adds none.
        return PostResult(answer[0]["status"], received, body=b"".join(event.get("body", b"") for event in answer[1:]))

    return post


def _scope(url: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
    parts = urlsplit(url)
    path = parts.path or "/"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": parts.scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50_000),
        "server": (parts.hostname or "localhost", parts.port or (443 if parts.scheme == "https" else 80)),
    }
