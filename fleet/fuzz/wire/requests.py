"""The bytes of requests, good and bad."""

from __future__ import annotations

import random

from fleet.process import SECRET

WRONG = "not-the-secret"
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
NOWHERE = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CALLBACK = b"/callback/kie/1.not-its-secret"
NOT_AN_UPDATE = b"[]"
"""A body that is read whole and answered with 400, so that nothing is stored for it."""


def post(*headers: bytes, path: bytes = b"/webhook", secret: str = SECRET) -> bytes:
    """The head of a POST of JSON, up to its empty line."""
    known = b"X-Telegram-Bot-Api-Secret-Token: %b\r\nContent-Type: application/json\r\n" % secret.encode()
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%b%b\r\n" % (path, known, b"".join(headers))


def length(size: int) -> bytes:
    """A Content-Length."""
    return b"Content-Length: %d\r\n" % size


def whole(body: bytes, *, path: bytes = b"/webhook", secret: str = SECRET) -> bytes:
    """A whole POST."""
    return post(length(len(body)), path=path, secret=secret) + body


def login(token: str) -> bytes:
    """The form of /ops with a token."""
    body = b"name=stranger&token=" + token.encode()
    page = b"Host: x\r\nOrigin: http://x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    return b"POST /ops/login HTTP/1.1\r\n%b%b\r\n%b" % (page, length(len(body)), body)


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    """One chunk of a chunked body."""
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


def headers(rng: random.Random, size: int) -> bytes:
    """As many short headers as there is room for in `size` bytes."""
    lines = [b"%x:%x\r\n" % (rng.randrange(1 << 12), rng.randrange(16)) for _ in range(size // 7)]
    return b"".join(lines)


def noise(rng: random.Random, size: int) -> bytes:
    """Bytes of any value."""
    return rng.randbytes(size)
