"""Stand-ins for the tests of svc/intake: an inbox that only stores, and an ASGI server and client in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import trio

from svc.intake.middleware import App
from svc.storage.inbox import Received, Stored, StoreOutcome

NO_BODY = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECT = {"type": "http.disconnect"}


class Store:
    """`Inbox.store` in memory. A test can have it take `delay` seconds, wait for `may_return`, or raise `fault`."""

    def __init__(self) -> None:
        self.stored: dict[int, Received] = {}
        self.delay = 0.0
        self.may_return = trio.Event()
        self.may_return.set()
        self.fault: Exception | None = None
        self.asked = trio.Event()
        """That it has been called."""

    async def __call__(self, update: Received) -> Stored:
        self.asked.set()
        await trio.sleep(self.delay)
        await self.may_return.wait()
        if self.fault is not None:
            raise self.fault
        is_new = self.stored.setdefault(update.update_id, update) is update
        return Stored(StoreOutcome.FIRST if is_new else StoreOutcome.DUPLICATE)


class AsgiRequest:
    """One HTTP request to an ASGI application, and what became of it."""

    def __init__(
        self,
        path: str,
        method: str = "GET",
        *,
        headers: Iterable[tuple[bytes, bytes]] = ((b"host", b"x"),),
        events: Iterable[dict[str, Any]] = (NO_BODY,),
        pause: float = 0.0,
    ) -> None:
        """`events` are what the server has to tell the application, each after `pause` seconds."""
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": list(headers),
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        self.receives = 0
        self.sent: list[dict[str, Any]] = []
        self._events = list(events)
        self._pause = pause

    async def put_to(self, app: App) -> int | None:
        """Let `app` handle the request; the status of its answer, or None if there was none."""
        await app(self.scope, self._receive, self._send)
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        """The answer's headers."""
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        """The answer's body."""
        return b"".join(message.get("body", b"") for message in self.sent)

    async def _receive(self) -> dict[str, Any]:
        self.receives += 1
        await trio.sleep(self._pause)
        if not self._events:
            await trio.sleep_forever()
        return self._events.pop(0)

    async def _send(self, message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(message)
