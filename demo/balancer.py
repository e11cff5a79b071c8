"""Which instance gets the next webhook: each in turn, past those that are known not to answer.

It also serves the address that the provider calls back, and passes each callback on in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from demo.instance import Instance
from sandbox.http_client import HttpPoster
from sandbox.webhooks import PostResult

Acknowledged = Callable[[int, float, float], None]
"""Told of each update that was answered with 200: its id, after how many seconds, and when (Unix time)."""


class Balancer:
    """Passes webhooks and callbacks on to an instance that is live. `instances` is looked at anew for each."""

    def __init__(self, instances: Callable[[], Sequence[Instance]], poster: HttpPoster, told: Acknowledged) -> None:
        raise NotImplementedError

    async def post(self, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        """One webhook request (a `Post`), whatever host the url has. Raises OSError where nobody takes it."""
        raise NotImplementedError

    async def run(self) -> None:
        """Serve callbacks until cancelled; starts with the base URL."""
        raise NotImplementedError
