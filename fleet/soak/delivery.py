"""Updates go to the instances as Telegram and a load balancer bring them: over kept connections, again until a 200."""

from __future__ import annotations

import errno
import itertools
import random
from collections import Counter
from collections.abc import Sequence

import trio

from fleet.process import SECRET
from sandbox.http_client import HttpPoster
from sandbox.redelivery import RedeliverySchedule
from sandbox.webhook_answer import PostResult
from sandbox.webhooks import ANSWER_TIMEOUT

CONNECTIONS = 40
"""At most, as Telegram's default is."""


class Target:
    """An instance that takes updates in, with the idle connections to it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._poster = HttpPoster()

    async def post(self, body: bytes) -> PostResult:
        """One request; raises OSError."""
        return await self._poster.post(f"{self._url}/webhook", _headers(self._url, body), body)

    def close(self) -> None:
        """It has ended."""
        self._poster.close()


class Delivery:
    """Delivers to `targets`, each in turn, past those that refuse the connection. A list that others change.

    `problems` counts what went wrong on the way, each of which is made good by the next delivery.
    """

    def __init__(self, targets: Sequence[Target], rng: random.Random) -> None:
        self.problems: Counter[str] = Counter()
        self._targets = targets
        self._rng = rng
        self._connections = trio.CapacityLimiter(CONNECTIONS)
        self._turn = itertools.count()

    async def deliver(self, body: bytes) -> None:
        """Send an update until it gets a 200. Whoever calls sets an end."""
        pauses = RedeliverySchedule(self._rng)
        while True:
            async with self._connections:
                problem, retry_after = await self._attempt(body)
            if not problem:
                return
            self.problems[problem] += 1
            await trio.sleep(pauses.next(retry_after))

    async def _attempt(self, body: bytes) -> tuple[str, int]:
        """What went wrong ("": nothing), and after how many seconds it is wanted again (0: nobody has said)."""
        try:
            with trio.fail_after(ANSWER_TIMEOUT):
                result = await self._post(body)
        except trio.TooSlowError:
            return "no answer", 0
        except OSError as problem:
            return problem.strerror or str(problem), 0
        return ("", 0) if result.is_success else (f"status {result.status}", result.retry_after)

    async def _post(self, body: bytes) -> PostResult:
        """One request to the next target that accepts the connection; ConnectionRefusedError if none does."""
        targets, first = list(self._targets), next(self._turn)
        for step in range(len(targets)):
            try:
                return await targets[(first + step) % len(targets)].post(body)
            except ConnectionRefusedError:
                continue
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no instance is up")


def _headers(url: str, body: bytes) -> list[tuple[str, str]]:
    return [
        ("Host", url.removeprefix("http://")),
        ("X-Telegram-Bot-Api-Secret-Token", SECRET),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "keep-alive"),
        ("Accept-Encoding", "gzip, deflate"),
    ]
