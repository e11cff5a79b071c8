"""ASGI middleware in front of Quart's own handling, and the types that go with it.

Each class takes the application that it stands in front of and is an application itself (ASGI 3,
https://asgi.readthedocs.io/en/latest/specs/main.html). They are put in place by `svc.intake.http_app.make_app`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import trio

from svc.intake.turns import Turns

Headers = Iterable[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

# A client that does not read its answer is given this many seconds to do so.
SEND_DEADLINE = 10.0


async def answer(send: Send, status: int, headers: Headers = (), body: bytes = b"") -> None:
    """Send a whole answer; its Content-Length is added to `headers`."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


class RefuseTargetsWithoutPath:
    """Answers 400 to a request whose target is no path, such as "http://[::1/" or "?x".

    Only scanners send these. Quart takes the target apart before any of its error handlers can answer, which raises.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle one connection's scope (ASGI)."""
        if scope["type"] == "http" and not scope["path"].startswith("/"):
            await answer(send, 400)
        else:
            await self._app(scope, receive, send)


class InTurn:
    """Lets requests begin in turns.

    However many strangers ask without pause, an update that comes in between waits at each of its steps for one of
    them, and not for all: with a hundred at /healthz for 5 ms of processor time instead of 120.
    """

    def __init__(self, app: App, turns: Turns) -> None:
        self._app = app
        self._turns = turns

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle one connection's scope (ASGI)."""
        if scope["type"] == "http":
            await self._turns.take()
        await self._app(scope, receive, send)


class ShieldSend:
    """Lets every message that Quart has begun to send go out whole.

    Quart-Trio cancels the nursery of a request as soon as its answer seems complete, at times within the last `send`.
    After half an end Hypercorn's connection is neither idle nor closed: its keep-alive timeout never fires, and one
    such client delays every shutdown by the whole graceful timeout. Nor is it closed where the client has asked for
    that: whoever reads to the end waits for ever. Test:
    test_a_connection_not_to_be_kept_is_closed_behind_its_page.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle one connection's scope (ASGI)."""

        async def shielded(message: Any) -> None:
            with trio.move_on_after(SEND_DEADLINE, shield=True):
                await send(message)

        await self._app(scope, receive, shielded)
