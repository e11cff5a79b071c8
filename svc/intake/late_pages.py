"""Pages that are added to the application a moment after the start: an instance takes updates in and leads before that.

No update needs them, and to import what the ops page is made with takes more processor time than to open all that an
instance has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from svc.intake.middleware import App, Receive, Send

SOON = 3.0
"""Seconds. Not only when somebody asks: whoever replaces a package under a running process should change nothing."""


class LatePages:
    """Has `add` add pages when the application is first asked for any, or SOON after `added` is called."""

    def __init__(self, add: Callable[[], Awaitable[None]]) -> None:
        self._add = add
        self._adding = trio.Lock()
        self._asked = trio.Event()
        self._done = False

    def in_front_of(self, app: App) -> _WithLatePages:
        """`app`, which has the pages before it is asked for one."""
        return _WithLatePages(app, self)

    async def asked(self) -> None:
        """Somebody asks for a page: return once all are there."""
        if not self._done:
            self._asked.set()
            await self._add_once()

    async def added(self) -> None:
        """Return once they are added: when somebody asks, or after SOON."""
        with trio.move_on_after(SOON):
            await self._asked.wait()
        await self._add_once()

    async def _add_once(self) -> None:
        async with self._adding:
            if not self._done:
                await self._add()
                self._done = True


class _WithLatePages:
    def __init__(self, app: App, pages: LatePages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle one connection's scope (ASGI)."""
        if scope["type"] != "lifespan":
            await self._pages.asked()
        await self._app(scope, receive, send)
