"""Server-sent events: what has changed is sent as soon as it is noticed, so a page need not ask again and again."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import trio

from sandbox.api import HttpStream
from sandbox.call_log import CallLog
from sandbox.control.views import call_view

LOOK_EVERY = 0.05
KEEP_ALIVE = 15.0
"""Seconds without an event after which a comment is sent: so the server notices who has left."""
MAX_STREAMS = 100
CALLS_AT_ONCE = 200

Look = Callable[[], dict[str, str]]
"""Events that are due, by name: their data."""


class TooManyStreams(Exception):
    """MAX_STREAMS are open already."""


class Streams:
    """The open streams of one server."""

    def __init__(self) -> None:
        self._open = 0

    def open(self, look: Look) -> HttpStream:
        """A stream of what `look` returns. Raises TooManyStreams."""
        if self._open >= MAX_STREAMS:
            raise TooManyStreams(f"{MAX_STREAMS} streams are open")
        headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
        return HttpStream(200, headers, self._parts(look))

    async def _parts(self, look: Look) -> AsyncGenerator[bytes, None]:
        self._open += 1
        try:
            # Who is cut off shall come back after a second.
            yield b"retry: 1000\n\n"
            last = trio.current_time()
            while True:
                now, due = trio.current_time(), look()
                for name, data in due.items():
                    yield f"event: {name}\ndata: {data}\n\n".encode()
                if not due and now - last >= KEEP_ALIVE:
                    yield b": keep-alive\n\n"
                if due or now - last >= KEEP_ALIVE:
                    last = now
                await trio.sleep(LOOK_EVERY)
        finally:
            self._open -= 1


def changes(views: dict[str, Callable[[], Any]]) -> Look:
    """Each view, whenever it is another than the last time."""
    shown: dict[str, str] = {}

    def look() -> dict[str, str]:
        now = {name: json.dumps(view()) for name, view in views.items()}
        due = {name: data for name, data in now.items() if shown.get(name) != data}
        shown.update(due)
        return due

    return look


class CallStream:
    """The calls as they come: first the last CALLS_AT_ONCE, and never more at once."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._recorded = len(log)
        log.watch(self._count)

    def changes(self) -> Look:
        """The calls since the last look, if there are any."""
        seen = 0

        def look() -> dict[str, str]:
            nonlocal seen
            new, seen = self._recorded - seen, self._recorded
            if not new:
                return {}
            calls = self._log.newest(min(new, CALLS_AT_ONCE))
            return {"calls": json.dumps([call_view(call) for call in calls])}

        return look

    def _count(self, call: object) -> None:
        self._recorded += 1
