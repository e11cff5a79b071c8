"""One look at the database for all pages that are open, and none while none is.

A `Topic` is one thing that pages are told: how it is now, or the plots of one window of time. It is looked at again and
again while a page wants it; every page is told what came of the latest look. Whoever is slow misses looks in between.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import trio

from svc.keep_up import keep_up

Look = Callable[[], Awaitable[bytes]]
"""Looks at the database and returns the event that pages are told. It raises nothing of the database's."""


class News:
    """Wakes every stream whenever there is something new for any of them. `closed`: there never will be again."""

    def __init__(self) -> None:
        self.closed = False
        self._changed = trio.Event()

    def tell(self) -> None:
        """Wake all that wait."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait(self) -> None:
        """Return with the next `tell`."""
        await self._changed.wait()


class Topic:
    """One thing that pages are told. `event` is what came of the latest look, None before the first; `number` counts
    the looks.
    """

    def __init__(self, look: Look, every: float, news: News) -> None:
        self.event: bytes | None = None
        self.number = 0
        self._look = look
        self._every = every
        self._news = news
        self._pages = 0
        self._wanted = trio.Event()

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """A page wants to be told within the block."""
        self._pages += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._pages -= 1

    async def run(self) -> None:
        """Look every so many seconds while a page wants it."""
        while True:
            if self._pages == 0:
                # What was seen for the last page is old news when the next one comes.
                self.event, self._wanted = None, trio.Event()
                await self._wanted.wait()
            self.event = await self._look()
            self.number += 1
            self._news.tell()
            await trio.sleep(self._every)


class Watch:
    """The topics by their names, and what wakes those who are told of them."""

    def __init__(self, looks: Mapping[str, tuple[Look, float]]) -> None:
        """`looks` by the topics' names, each with the seconds from one look to the next."""
        self.news = News()
        self.topics = {name: Topic(look, every, self.news) for name, (look, every) in looks.items()}

    async def run(self) -> None:
        """Look until cancelled; then every stream ends."""
        try:
            async with trio.open_nursery() as nursery:
                for name, topic in self.topics.items():
                    # Whatever is wrong with what is shown must not end the instance that shows it.
                    nursery.start_soon(keep_up, f"OPS {name}", topic.run, random.Random())  # noqa: S311 (jitter)
        finally:
            self.news.closed = True
            self.news.tell()
