"""Answers of HTTP servers in every shape that the client has to read, each with what is to be made of it."""

from __future__ import annotations

from dataclasses import dataclass

BODY = b'{"ok":true,"result":"one two three"}'
RESULT = "one two three"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


@dataclass(frozen=True)
class Shape:
    """A whole answer. `ends`: it lasts until the connection ends; `keeps_open`: another request may follow it."""

    data: bytes
    body: bytes = BODY
    status: int = 200
    keeps_open: bool = True
    ends: bool = False


def with_length(body: bytes = BODY, *, status: bytes = b"200 OK", version: bytes = b"1.1", more: bytes = b"") -> bytes:
    """An answer that tells its length, with `more` headers."""
    return b"HTTP/%b %b\r\nContent-Length: %d\r\n%b\r\n%b" % (version, status, len(body), more, body)


def in_chunks(*chunks: bytes, trailer: bytes = b"") -> bytes:
    """An answer in chunks, with a trailer's lines behind them."""
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n" + trailer + b"\r\n"


SHAPES = {
    "with a length": Shape(with_length()),
    "with headers": Shape(with_length(more=b"Server: nginx\r\nConnection: keep-alive\r\nX-Empty:\r\n")),
    "without a reason": Shape(with_length(status=b"200 ")),
    "a refusal": Shape(with_length(status=b"429 Too Many Requests", more=b"Retry-After: 5\r\n"), status=429),
    "in chunks": Shape(in_chunks(BODY[:7], BODY[7:8], BODY[8:])),
    "in chunks with a trailer": Shape(in_chunks(BODY, trailer=b"Retry-After: 9\r\nX-Sum: 7\r\n")),
    "behind 100 Continue": Shape(_CONTINUE + with_length()),
    "behind several": Shape(_CONTINUE + _HINTS + _CONTINUE + in_chunks(BODY)),
    "without a body": Shape(with_length(b""), body=b""),
    "204": Shape(b"HTTP/1.1 204 No Content\r\n\r\n", body=b"", status=204),
    "that closes": Shape(with_length(more=b"Connection: close\r\n"), keeps_open=False),
    "until the end": Shape(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" + BODY, keeps_open=False, ends=True),
    "of HTTP/1.0": Shape(with_length(version=b"1.0"), keeps_open=False),
    "of HTTP/1.0 kept": Shape(with_length(version=b"1.0", more=b"Connection: keep-alive\r\n"), keeps_open=False),
    "of HTTP/1.0 until the end": Shape(b"HTTP/1.0 200 OK\r\n\r\n" + BODY, keeps_open=False, ends=True),
}

NO_ANSWERS = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "an unknown version": with_length(version=b"3.7"),
    "a status that is no number": b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
    "two lengths": with_length(more=b"Content-Length: 3\r\n"),
    "a length and chunks": with_length(more=b"Transfer-Encoding: chunked\r\n"),
    "a chunk without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk of another size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxyz\r\n0\r\n\r\n",
    "a header without a name": b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
    "another protocol from here": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    + with_length(),
    "another protocol, not said which": b"HTTP/1.1 101 Switching\r\n\r\n" + with_length(),
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 0123456789\r\n" * 4000,
    "1xx without an end": _CONTINUE * 4000,
}
