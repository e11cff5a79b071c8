"""What pages are told as time goes by: under the mock clock who looks when, over real sockets how a stream ends."""

from __future__ import annotations

import math
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from fleet.process import running_service
from svc.intake import hypercorn_connections, middleware
from svc.ops.stream import HEARTBEAT, MAX_STREAMS, PageStream, Streams
from svc.ops.topics import OVERVIEW, Topics
from svc.ops.watching import Watch
from svc.storage.asyncio_loop import asyncio_loop
from tests.harness import settings_for_tests
from tests.serving import HANGS
from tests.test_ops_access import served, site_without_database

PLOTS = "plots 0.25"
NOWHERE = "http://127.0.0.1:1"


class Looked:
    """A look that counts."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.size = 0

    async def __call__(self) -> bytes:
        self.times.append(trio.current_time())
        return b"look %d\n\n" % len(self.times) + b"." * self.size


@asynccontextmanager
async def watching(*looks: Looked) -> AsyncIterator[tuple[Watch, trio.Nursery]]:
    """A watch at work, one look a second for each topic."""
    watch = Watch({f"topic {number}": (look, 1.0) for number, look in enumerate(looks)})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        yield watch, nursery
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def page(watch: Watch, streams: Streams | None = None, *, seconds: float = math.inf) -> AsyncIterator[PageStream]:
    """A page that is told of all topics; its first piece, which is no event, has been read."""
    stream = PageStream(streams or Streams(watch.news), list(watch.topics.values()), seconds=seconds)
    async with stream:
        await anext(stream)
        yield stream


async def test_one_look_for_all_pages(autojump_clock: trio.testing.MockClock) -> None:
    """None while no page is open, one a second while any is, and each page is told of it."""
    looked = Looked()
    async with watching(looked) as (watch, _):
        await trio.sleep(100)
        assert looked.times == []
        async with page(watch) as first, page(watch) as second:
            for number in range(1, 4):
                assert await anext(first) == await anext(second) == b"look %d\n\n" % number
        assert len(looked.times) == 3
        await trio.sleep(100)
        assert len(looked.times) == 3
        async with page(watch) as again:
            assert await anext(again) == b"look 4\n\n"
            assert looked.times[-1] == trio.current_time()  # at once


async def test_a_page_that_comes_again_is_told_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """What was seen a moment ago for another page is not looked at anew."""
    looked = Looked()
    async with watching(looked) as (watch, _), page(watch) as first:
        await anext(first)
        async with page(watch) as second:
            assert await anext(second) == b"look 1\n\n"
        assert len(looked.times) == 1


async def test_a_slow_page_misses_looks(autojump_clock: trio.testing.MockClock) -> None:
    """It is told the latest of each topic, and nothing is kept for it."""
    one, two = Looked(), Looked()
    async with watching(one, two) as (watch, _), page(watch) as slow:
        await trio.sleep(10.5)
        told = [await anext(slow), await anext(slow)]
        assert told == [b"look 11\n\n", b"look 11\n\n"]
        assert await anext(slow) == b"look 12\n\n"


async def test_a_heartbeat(autojump_clock: trio.testing.MockClock) -> None:
    """Where nothing is told for long a comment says that the connection stands."""
    async with watching(Looked()) as (watch, _), PageStream(Streams(watch.news), []) as stream:
        pieces = aiter(stream)
        await anext(pieces)
        assert await anext(pieces) == b": still here\n\n"
        assert trio.current_time() == HEARTBEAT


async def test_it_ends_with_the_session(autojump_clock: trio.testing.MockClock) -> None:
    """At the time at which the cookie ends, also between two events."""
    async with watching(Looked()) as (watch, _), page(watch, seconds=3.5) as stream:
        assert len([each async for each in stream]) == 4
        assert trio.current_time() == 3.5


async def test_it_ends_when_nobody_looks_any_more(autojump_clock: trio.testing.MockClock) -> None:
    """A drain ends the looks, and with them all streams in that moment; later ones too."""
    async with watching(Looked()) as (watch, nursery), page(watch) as stream:
        await anext(stream)
        nursery.cancel_scope.cancel()
    with trio.fail_after(0.1):
        assert [each async for each in stream] == []
        async with page(watch) as late:
            assert [each async for each in late] == []


async def test_places_for_pages(autojump_clock: trio.testing.MockClock) -> None:
    """A page that has come in between the question and the answer is turned away, and takes nobody's place for good."""
    async with watching(Looked()) as (watch, _):
        streams = Streams(watch.news)
        streams.open = MAX_STREAMS
        async with page(watch, streams) as one_too_many:
            assert [each async for each in one_too_many] == []
        assert streams.open == MAX_STREAMS


# Over real sockets


def watched_site(looked: Looked) -> Any:
    """A site whose overview is a look that counts."""
    site = site_without_database()
    watch = Watch({OVERVIEW: (looked, 0.01), PLOTS: (looked, 0.01)})
    return replace(site, watch=watch, streams=Streams(watch.news))


async def test_pages_come_and_go() -> None:
    """MAX_STREAMS at a time; whoever hangs up makes room, and a drain ends the rest in order."""
    site = watched_site(Looked())
    async with served(site) as (server, client), trio.open_nursery() as nursery:

        async def run(task: Callable[[], Awaitable[None]], task_status: trio.TaskStatus[trio.CancelScope]) -> None:
            with trio.CancelScope() as scope:
                task_status.started(scope)
                await task()

        async def read() -> None:
            async with client.stream("GET", "/ops/stream") as answer:
                async for _ in answer.aiter_bytes():
                    pass

        looks = await nursery.start(run, site.run)
        pages = [await nursery.start(run, read) for _ in range(MAX_STREAMS)]
        await until_open(site, MAX_STREAMS)
        assert (await client.get("/ops/stream")).status_code == 503
        pages[0].cancel()
        await until_open(site, MAX_STREAMS - 1)
        await nursery.start(run, read)
        await until_open(site, MAX_STREAMS)
        looks.cancel()
        await until_open(site, 0)
        await server.shut_down()


async def until_open(site: Any, pages: int) -> None:
    """Return once so many pages are told."""
    with trio.fail_after(HANGS):
        while site.streams.open != pages:
            await trio.sleep(0.01)


async def test_a_page_that_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds up one event and nothing else; after the server's deadline its connection and its place are gone."""
    monkeypatch.setattr(hypercorn_connections, "WRITE_TIMEOUT", 0.2)
    monkeypatch.setattr(middleware, "SEND_DEADLINE", 0.4)
    looked = Looked()
    looked.size = 4_000_000
    site = watched_site(looked)
    async with trio.open_nursery() as nursery, served(site) as (server, _):
        nursery.start_soon(site.run)
        async with await server.client() as silent:
            await silent.stream.send_all(b"GET /ops/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await until_open(site, 1)
            await until_open(site, 0)
        nursery.cancel_scope.cancel()


async def test_a_database_that_is_away() -> None:
    """It is told since when and why, and what was known stays; a search says so as well."""
    settings = settings_for_tests()
    site = site_without_database()
    async with asyncio_loop(), served(site) as (_, client):
        looks = Topics(site.database, settings.bot_id, served_by="one", bot=lambda: "@a_bot", hide=str)
        first, second = await looks.overview(), await looks.overview()
        assert b"the database has not answered since" in first
        assert b'"served_by": "one"' in first
        assert first.split(b"since")[1].split(b"UTC")[0] == second.split(b"since")[1].split(b"UTC")[0]
        answer = await client.get("/ops/search?q=7")
        assert (answer.status_code, "does not answer" in answer.json()["error"]) == (503, True)


@pytest.mark.parametrize("state", ["ACTIVE", "PASSIVE"])
async def test_a_drain_ends_the_streams(database_url: str, state: str) -> None:
    """An open page holds up neither the handover nor the end of the process; its stream ends in order."""
    async with running_service(database_url, NOWHERE) as first:
        await first.active()
        async with running_service(database_url, NOWHERE) as second:
            await second.ready()
            drained, other = (first, second) if state == "ACTIVE" else (second, first)
            async with (
                httpx.AsyncClient(trust_env=False, timeout=HANGS) as client,
                client.stream("GET", f"{drained.url}/ops/stream") as answer,
            ):
                pieces = answer.aiter_bytes()
                told = b""
                while b"event: overview" not in told:
                    told += await anext(pieces)
                drained.send_signal(signal.SIGTERM)
                async for piece in pieces:  # raises where the connection is cut
                    told += piece
            assert told.endswith(b"\n\n")
            assert await drained.exit_code() == 0
            assert drained.lines("EXIT", level="warning") == []
            await other.active()
