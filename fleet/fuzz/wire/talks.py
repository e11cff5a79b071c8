"""What the client of an attack does on one connection, until it or the server ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from fleet.fuzz.wire import requests
from fleet.fuzz.wire.client import Connection
from fleet.fuzz.wire.requests import (
    CALLBACK,
    CHUNKED,
    HEALTHZ,
    METRICS,
    NOT_AN_UPDATE,
    NOWHERE,
    WRONG,
    chunk,
    length,
    noise,
    post,
    whole,
)

Talk = Callable[[Connection], Awaitable[object]]

MIB = 1 << 20
CRUMB_EVERY = 0.5
"""Seconds between two bytes of somebody who is slow."""


# Slow


async def slow_headers(connection: Connection) -> None:
    """A request whose headers come byte by byte and never end."""
    await _crumbs(connection, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 500)


async def slow_body(connection: Connection) -> None:
    """The right secret, and a body that comes byte by byte."""
    await connection.send(post(length(5000)))
    await _crumbs(connection, b" " * 4999)


async def slow_callback(connection: Connection) -> None:
    """The same for a callback, for which nobody needs to know anything."""
    await connection.send(post(length(5000), path=CALLBACK))
    await _crumbs(connection, b" " * 4999)


async def stop_within_headers(connection: Connection) -> None:
    """Nothing more after half a request."""
    await connection.send(HEALTHZ[:20])
    await connection.until_closed()


async def stop_within_body(connection: Connection) -> None:
    """Nothing more after half a body."""
    await connection.send(post(length(2000)) + b" " * 1000)
    await connection.until_closed()


async def stop_within_callback(connection: Connection) -> None:
    """The same for a callback."""
    await connection.send(post(length(1000), path=CALLBACK) + b" " * 500)
    await connection.until_closed()


async def _crumbs(connection: Connection, data: bytes) -> None:
    for place in range(len(data)):
        await connection.send(data[place : place + 1])
        await trio.sleep(CRUMB_EVERY)
    await connection.until_closed()


async def never_read(connection: Connection) -> None:
    """Pages without end, and no answer is read."""
    while True:
        await connection.send(METRICS * 50)


# Large


async def too_long(connection: Connection) -> None:
    """A Content-Length above what is allowed, and the body all the same."""
    await connection.send(post(length(8 * MIB)))
    await _as_much_as_is_taken(connection, b" " * 65_536, 128)


async def no_number(connection: Connection) -> None:
    """A Content-Length of thousands of digits."""
    await connection.send(post(b"Content-Length: %b\r\n" % (b"9" * 5000)))
    await connection.until_closed()


async def just_short_of_too_long(connection: Connection) -> None:
    """The largest body that is allowed, but for its last byte: it has to be kept for as long as that is awaited."""
    await connection.send(post(length(MIB)) + b" " * (MIB - 1))
    await connection.until_closed()


async def longer_than_announced(connection: Connection) -> None:
    """More bytes than the Content-Length says."""
    await connection.send(whole(NOT_AN_UPDATE) + noise(connection.rng, 20_000))
    await connection.until_closed()


async def endless_chunks(connection: Connection) -> None:
    """A chunked body without an end."""
    await connection.send(post(CHUNKED))
    await _as_much_as_is_taken(connection, chunk(b" " * 8192) * 8, 128)


async def tiny_chunks(connection: Connection) -> None:
    """A body in chunks of two bytes: the largest that is allowed comes in half a million of them."""
    await connection.send(post(CHUNKED))
    await _as_much_as_is_taken(connection, chunk(b"  ") * 8192, 70)


async def tiny_chunks_for_a_callback(connection: Connection) -> None:
    """The same from somebody who knows no secret."""
    await connection.send(post(CHUNKED, path=CALLBACK))
    await _as_much_as_is_taken(connection, chunk(b"  ") * 8192, 70)


async def unread_chunks(connection: Connection) -> None:
    """The same with the wrong secret, which is answered before the body is read."""
    await connection.send(post(CHUNKED, secret=WRONG))
    await _as_much_as_is_taken(connection, chunk(b"  ") * 8192, 70)


async def absurd_extensions(connection: Connection) -> None:
    """Chunks with extensions that are longer than they are."""
    extension = b";a=" + b"b" * connection.rng.randrange(100, 15_000)
    await connection.send(post(CHUNKED))
    await _as_much_as_is_taken(connection, chunk(b" ", extension), 100)


async def absurd_trailers(connection: Connection) -> None:
    """A short chunked body and thousands of trailers."""
    trailers = requests.headers(connection.rng, connection.rng.choice((4000, 60_000)))
    await connection.send(post(CHUNKED) + chunk(NOT_AN_UPDATE) + b"0\r\n" + trailers + b"\r\n")
    await connection.until_closed()


async def _as_much_as_is_taken(connection: Connection, data: bytes, times: int) -> None:
    """Send `data` so many times, then wait for the end."""
    for _ in range(times):
        await connection.send(data)
    await connection.until_closed()


# Many requests


async def pipelined(connection: Connection) -> None:
    """Three hundred requests in one write, good and bad, and all answers."""
    kinds = (HEALTHZ, NOWHERE, whole(NOT_AN_UPDATE), whole(NOT_AN_UPDATE, secret=WRONG))
    await connection.send(b"".join(connection.rng.choices(kinds, k=300)))
    await connection.answered(300)


async def pipelined_and_gone(connection: Connection) -> None:
    """The same, and no answer is awaited."""
    await connection.send(HEALTHZ * 300)


def pressing(*asked: bytes) -> Talk:
    """The same requests again and again, each as soon as the one before is answered."""

    async def press(connection: Connection) -> None:
        while True:
            for request in asked:
                await connection.send(request)
                if not await connection.answered():
                    return

    return press


# Many connections


async def stay(connection: Connection) -> None:
    """Say nothing, until the server has had enough."""
    await connection.until_closed()


async def ask_and_stay(connection: Connection) -> None:
    """Ask for a page, and then say nothing."""
    await connection.send(HEALTHZ)
    await connection.until_closed()


async def go(connection: Connection) -> None:
    """Say nothing, and go at once."""


async def say_half_and_go(connection: Connection) -> None:
    """Go within the headers."""
    await connection.send(HEALTHZ[:20])


async def ask_and_go(connection: Connection) -> None:
    """Ask, and do not wait for the answer."""
    await connection.send(HEALTHZ)
