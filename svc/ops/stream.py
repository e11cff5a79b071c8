"""What a page is told as time goes by, as server-sent events:

    overview    an Overview, once a second
    plots       the plots and timelines of the window that the page shows, as SVG by name, every ten seconds

A comment keeps the connection up where nothing is told. The stream ends when the instance drains and when the session
of whoever looks is over; a browser then connects again, to another instance or to a 401.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from typing import Any

import trio
from quart.wrappers.response import ResponseBody

from svc.ops.masking import shown_json
from svc.ops.watching import News, Topic

MAX_STREAMS = 20
HEARTBEAT = 15.0
"""Seconds of silence, at most."""

_HEARTBEAT = b": still here\n\n"
# The browser tries again after so many milliseconds.
_FIRST = b"retry: 1000\n\n"


def event(name: str, data: Any, hide: Callable[[str], str]) -> bytes:
    """One event; `data` becomes JSON, out of whose texts `hide` takes the secrets."""
    return f"event: {name}\ndata: {json.dumps(shown_json(data, hide))}\n\n".encode()


class Streams:
    """How many pages are told at the same time: MAX_STREAMS at most."""

    def __init__(self, news: News) -> None:
        self.news = news
        self.open = 0

    @property
    def full(self) -> bool:
        """Whether no further page can be told."""
        return self.open >= MAX_STREAMS


class PageStream(ResponseBody):
    """The body of one page's stream, for Quart.

    One event is on its way at a time, and the next is made when it has left: a page that reads slowly holds nothing but
    that one. One that reads nothing for ten seconds is cut off by the server's connection.
    """

    def __init__(self, streams: Streams, topics: Sequence[Topic], *, seconds: float = math.inf) -> None:
        """`seconds`: how long it may last."""
        self._streams = streams
        self._topics = topics
        self._seen = dict.fromkeys(topics, -1)
        self._ends = trio.current_time() + seconds
        self._began = False
        self._open = ExitStack()

    async def __aenter__(self) -> PageStream:
        if self._streams.full:
            self._ends = -math.inf
        self._streams.open += 1
        for topic in self._topics:
            self._open.enter_context(topic.wanted())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._streams.open -= 1
        self._open.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next event, or a comment after HEARTBEAT without one."""
        if not self._began:
            self._began = True
            return _FIRST
        with trio.move_on_at(min(trio.current_time() + HEARTBEAT, self._ends)):
            return await self._next()
        if trio.current_time() >= self._ends:
            raise StopAsyncIteration
        return _HEARTBEAT

    async def _next(self) -> bytes:
        while not self._streams.news.closed:
            for topic in self._topics:
                if topic.event is not None and topic.number != self._seen[topic]:
                    self._seen[topic] = topic.number
                    await trio.lowlevel.checkpoint_if_cancelled()
                    return topic.event
            await self._streams.news.wait()
        raise StopAsyncIteration
