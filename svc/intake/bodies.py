"""Reading the bodies of a webhook's requests: each of bounded size and time, all together of bounded size."""

from __future__ import annotations

import trio

from svc.intake.middleware import Headers, Receive

MAX_BODY = 1024 * 1024
# All bodies that are being read or wait for their commit. Telegram brings 40 at a time (`max_connections` of our
# setWebhook), each below 1 MiB, and nearly all below 10 KiB: it does not come near this.
MAX_BODIES = 64 * 1024 * 1024
BODY_DEADLINE = 10.0
RETRY = ((b"retry-after", b"1"),)
TOO_LARGE = f"larger than {MAX_BODY} bytes"


class Rejected(Exception):
    """The request is answered with `status` and nothing is stored."""

    def __init__(self, status: int, reason: str, *, headers: Headers = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class HungUp(Exception):
    """The client went away before its request was complete."""


class Bodies:
    """The bodies in hand, of `limit` bytes at most: those being read, and those whose updates are not committed yet."""

    def __init__(self, limit: int = MAX_BODIES) -> None:
        self._limit = limit
        self.size = 0

    def place(self, expected: int) -> Place:
        """A place for one body of `expected` bytes or more; raises Rejected with 503 if there is no room for it."""
        self.reserve(expected)
        return Place(self, expected)

    def reserve(self, size: int) -> None:
        """Count `size` bytes more; raises Rejected with 503 if that are too many."""
        if self.size + size > self._limit:
            raise Rejected(503, "too many updates at once", headers=RETRY)
        self.size += size

    def free(self, size: int) -> None:
        """Count `size` bytes less."""
        self.size -= size


class Place:
    """What one body takes of all that may be in hand, until the end of the block.

    A body counts from when its length is known: before it is read where that was announced, else as it comes.
    """

    def __init__(self, bodies: Bodies, size: int) -> None:
        self._bodies = bodies
        self._size = size

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self._bodies.free(self._size)

    def holds(self, size: int) -> None:
        """So many bytes have come; raises Rejected with 503 if there is no room for what was not expected."""
        if size > self._size:
            self._bodies.reserve(size - self._size)
            self._size = size


async def read_body(receive: Receive, expected: int, place: Place) -> bytes:
    """The whole body of one request, which has `expected` bytes or more and arrives within BODY_DEADLINE.

    Raises Rejected: 408 if it is too slow, and as `read_pieces` does. Raises HungUp if the client leaves.
    """
    with trio.CancelScope(deadline=trio.current_time() + BODY_DEADLINE):
        return await read_pieces(receive, expected, place)
    raise too_slow()


def too_slow() -> Rejected:
    """What is raised for a body that takes longer than BODY_DEADLINE."""
    return Rejected(408, f"the body did not arrive within {BODY_DEADLINE:.0f} s")


async def read_pieces(receive: Receive, expected: int, place: Place) -> bytes:
    """The same without a deadline, for a caller that has one.

    Raises Rejected: 413 or 400 if the body is too large or too short, 503 if there is no room for it; HungUp if the
    client leaves.
    """
    # In one piece: each of the small chunks that a client may send would take ten times its size.
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise Rejected(413, TOO_LARGE)
        place.holds(len(body))
        if not message.get("more_body", False):
            if len(body) < expected:
                raise Rejected(400, "the body is shorter than its Content-Length")
            return bytes(body)
