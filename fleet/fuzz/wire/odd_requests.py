"""Requests that are odd: headers without end or of no sense, what is no HTTP, or another."""

from __future__ import annotations

from collections.abc import Callable

import trio

from fleet.fuzz.wire import requests
from fleet.fuzz.wire.client import Connection
from fleet.fuzz.wire.requests import NOT_AN_UPDATE, length, noise, post
from fleet.fuzz.wire.talks import MIB, Talk


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
