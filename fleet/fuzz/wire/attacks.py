"""The attacks: what each client of each does on one connection, again and again until the attack is over.

The clients of an attack are those of one program on the same machine: it takes its share of the processors, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
    login,
    noise,
    post,
    whole,
)

Talk = Callable[[Connection], Awaitable[object]]

MIB = 1 << 20
CRUMB_EVERY = 0.5
"""Seconds between two bytes of somebody who is slow."""


@dataclass(frozen=True)
class Attack:
    """What is done. So many `clients` do one of `talks` each, in turn, on connections of their own; each begins anew
    when its connection ends, unless the attack is `once`. `small` as in `Wire.connection`. It lasts `seconds`, and each
    client makes the server keep `body` bytes of a body at most."""

    words: str
    clients: int
    talks: tuple[Talk, ...]
    once: bool = False
    small: bool = False
    seconds: float = 8
    body: int = 0


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


# Odd requests


def saying(make: Callable[[Connection], bytes]) -> Talk:
    """Say something, and take what comes until the server closes, or for a second."""

    async def say(connection: Connection) -> None:
        with trio.move_on_after(1):
            await connection.send(make(connection))
            await connection.until_closed()

    return say


def _with(lines: bytes) -> Talk:
    return saying(lambda _: b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")


HEADERS = (
    saying(lambda it: b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + requests.headers(it.rng, 60_000) + b"\r\n"),
    saying(lambda it: b"GET /ops HTTP/1.1\r\nHost: x\r\n" + requests.headers(it.rng, 16_000) + b"\r\n"),
    saying(lambda it: post(requests.headers(it.rng, 60_000), length(2)) + NOT_AN_UPDATE),
    _with(b"X-A: " + b"a" * 4 * MIB + b"\r\n"),
    _with(b"X-A: " + b"a" * 50_000 + b"\r\n"),
    saying(lambda it: b"GET / HTTP/1.1\r\nHost: x\r\n" + noise(it.rng, 200) + b": a\r\n\r\n"),
    saying(lambda it: b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + noise(it.rng, 200) + b"\r\n\r\n"),
    saying(lambda _: post(*[length(2)] * 3000) + NOT_AN_UPDATE),
    saying(lambda _: post(*[length(size) for size in range(2000)]) + NOT_AN_UPDATE),
    _with(b"X-A: a\r\n" + b" folded\r\n" * 6000),
    _with(b"Cookie: " + b"a=b; " * 12_000 + b"\r\n"),
    _with(b"Host: y\r\n" * 2000),
)

GARBAGE = (
    saying(lambda it: noise(it.rng, 5000)),
    saying(lambda it: b"GET " + noise(it.rng, 300) + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    saying(lambda it: b"GET /" + b"%ff%00" * 2500 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    saying(lambda _: b"GET /?" + b"a=b&" * 15_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    saying(lambda _: b"\r\n" * 30_000),
    saying(lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
    saying(lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9) * 1000),
    _with(b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"),
    _with(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
    saying(lambda _: post(length(MIB), b"Expect: 100-continue\r\n")),
    saying(lambda _: post(length(2), b"Expect: 100-continue\r\n") + NOT_AN_UPDATE),
    saying(lambda _: b"GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    saying(lambda _: b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    saying(lambda _: b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
    saying(lambda _: b"GET /healthz HTTP/0.9\r\n\r\n"),
    saying(lambda _: b"GET /healthz HTTP/1.1\r\n\r\n"),
)

STRANGERS = 10
LONGER_THAN_PATIENCE = 14.0
"""Seconds: the server waits for 10, for whatever it waits."""

ATTACKS = {
    "none": Attack("the good requests alone", 0, (stay,)),
    "slow": Attack(
        "headers and bodies byte by byte, or never ended",
        300,
        (slow_headers, slow_body, slow_callback, stop_within_headers, stop_within_body),
        seconds=LONGER_THAN_PATIENCE,
    ),
    "unread": Attack(
        "pages without end, and no answer is read", 50, (never_read,), small=True, seconds=LONGER_THAN_PATIENCE
    ),
    "oversized": Attack(
        "lengths that are too large, bodies longer than announced or without end",
        50,
        (too_long, no_number, just_short_of_too_long, longer_than_announced, endless_chunks),
        body=MIB,
    ),
    "chunks": Attack(
        "tiny chunks, absurd extensions and trailers",
        STRANGERS,
        (tiny_chunks, tiny_chunks_for_a_callback, unread_chunks, absurd_extensions, absurd_trailers),
        body=MIB,
    ),
    "pipelined": Attack("300 requests in one write", STRANGERS, (pipelined, pipelined_and_gone)),
    "idle": Attack("10,000 connections that say nothing", 10_000, (stay,), once=True),
    "idle later": Attack("10,000 connections that ask once and then say nothing", 10_000, (ask_and_stay,), once=True),
    "held": Attack(
        "3,000 connections that hold back the end of their bodies",
        3_000,
        (stop_within_callback,),
        once=True,
        seconds=LONGER_THAN_PATIENCE,
    ),
    "come and go": Attack("connections that come and go", 100, (go, say_half_and_go, ask_and_go)),
    "headers": Attack("thousands of headers, or long ones, or odd ones", STRANGERS, HEADERS),
    "garbage": Attack("what is no HTTP, or another", STRANGERS, GARBAGE),
    "strangers: page": Attack("ten connections that press /healthz without pause", STRANGERS, (pressing(HEALTHZ),)),
    "strangers: login": Attack("the same with wrong tokens for /ops", STRANGERS, (pressing(login("wrong")),)),
    "strangers: secret": Attack(
        "the same with a wrong secret for /webhook", STRANGERS, (pressing(whole(NOT_AN_UPDATE, secret=WRONG)),)
    ),
    "strangers: all": Attack(
        "the same with all of these and /metrics in turn",
        STRANGERS,
        (pressing(HEALTHZ, login("wrong"), whole(NOT_AN_UPDATE, secret=WRONG), METRICS),),
    ),
}
