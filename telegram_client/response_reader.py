"""One answer of an HTTP/1.1 server, read from the bytes of a connection as they come (RFC 9112), without any I/O.

The bytes are taken apart by llhttp, Node's parser, in C. What it does not know is added here: that an answer without a
length lasts until the connection ends, that other answers do not, and that nothing may come behind one.
"""

from __future__ import annotations

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD = 64 * 1024
"""In bytes; 1xx answers before the final one count as well."""

_SWITCHING_PROTOCOLS = 101


class ResponseReader:
    """Feed it until its `head_complete`, then until it is `complete`. Answers of 1xx before the final one are skipped.

    `status` and `headers` are the final answer's. `keeps_open`: it was whole, nothing has come behind it, and the
    server leaves the connection open, so that it can be used again.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_complete = False
        self.complete = False
        self.keeps_open = False
        self._body: list[bytes] = []
        self._head_size = 0
        # It refers to us; let go of at the answer's end, so that no circle is left to the garbage collector.
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take the next bytes; none means that the connection has ended.

        Raises httpx.RemoteProtocolError for what is not an HTTP answer, or not all of one.
        """
        assert self._parser is not None
        if not data:
            self._end_of_connection()
        elif not self._parsed(self._parser, data):
            if not self.complete:
                raise httpx.RemoteProtocolError("not an HTTP/1.1 answer")
            self.keeps_open = False  # something comes behind it
        if not self.head_complete:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                raise httpx.RemoteProtocolError("the answer's head is too large")
        if self.complete:
            self._parser = None

    def take_body(self) -> bytes:
        """What has come of the body since the last time; may be empty."""
        body, self._body = self._body, []
        return body[0] if len(body) == 1 else b"".join(body)

    def _parsed(self, parser: HttpResponseParser, data: bytes) -> bool:
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            return False
        return True

    def _end_of_connection(self) -> None:
        names = {name.lower() for name, _ in self.headers}
        if not self.head_complete or names & {b"content-length", b"transfer-encoding"}:
            raise httpx.RemoteProtocolError("the connection ended within the answer")
        self.complete = True

    # What llhttp calls. An exception stops it.

    def on_message_begin(self) -> None:
        """Another answer begins: the first, the one behind a 1xx, or one that nobody has asked for."""
        if self.complete:
            raise HttpParserError
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or behind a chunked body a trailer, which nobody reads."""
        if not self.head_complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head of an answer has ended."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status == _SWITCHING_PROTOCOLS:
            raise HttpParserError
        self.head_complete = self.status >= 200

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, without what chunks add to it."""
        self._body.append(piece)

    def on_message_complete(self) -> None:
        """An answer has ended by its own length."""
        assert self._parser is not None
        if self.head_complete:
            self.complete = True
            # Asked now: it is forgotten with the answer.
            self.keeps_open = self._parser.get_http_version() == "1.1" and self._parser.should_keep_alive()
