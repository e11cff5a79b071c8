"""Which instance gets the next webhook: each in turn, past those that are known not to answer.

It also serves the address that the provider calls back, and passes each callback on in the same way.
"""

from __future__ import annotations

import errno
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import trio

from sandbox.api import HttpResponse
from sandbox.http_server import HttpRequest, serve
from sandbox.webhooks import Post, PostResult

ATTEMPT_DEADLINE = 2.0
"""Seconds that one instance has to answer."""
WEBHOOK = "/webhook"
CALLBACKS = "/callback/"

Acknowledged = Callable[[int, float, float], None]
"""Told of each update that was answered with 200: its id, after how many seconds, and when (Unix time)."""


class Backend(Protocol):
    """An instance, as a balancer sees it."""

    @property
    def address(self) -> str:
        """Its base URL."""

    @property
    def running(self) -> bool:
        """Whether it has a process."""

    @property
    def frozen(self) -> bool:
        """Whether that is stopped."""

    @property
    def live(self) -> bool:
        """Whether it has said lately that it is ready."""


class Balancer:
    """Passes webhooks and callbacks on, by `post`, to an instance that is live. `instances` is asked anew for each."""

    def __init__(self, instances: Callable[[], Sequence[Backend]], post: Post, told: Acknowledged) -> None:
        self._instances = instances
        self._post = post
        self._told = told
        self._turn = itertools.count()

    async def post(self, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        """One webhook request (a `Post`), whatever host the url has. Raises OSError where nobody takes it."""
        began = trio.current_time()
        result = await self._pass_on(urlsplit(url).path, headers, body)
        if result.status == 200:
            self._told(json.loads(body)["update_id"], trio.current_time() - began, time.time())
        return result

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve callbacks until cancelled; starts with the base URL."""
        async with trio.open_nursery() as nursery:
            port: int = await nursery.start(serve, self._answer, 0)
            task_status.started(f"http://127.0.0.1:{port}")

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponse(405, [("Allow", "POST")], b"")
        if not request.target.startswith(CALLBACKS):  # nothing else, nor what would make the address another's
            return HttpResponse(404, [], b"")
        try:
            result = await self._pass_on(request.target, list(request.headers.items()), request.body)
        except OSError:
            return HttpResponse(503, [], b"")
        return HttpResponse(result.status, [], b"")

    async def _pass_on(self, target: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        """To the first that takes it: whoever is gone, silent or cannot store now (503) is passed by."""
        refused: PostResult | None = None
        for instance in self._in_turn():
            try:
                with trio.fail_after(ATTEMPT_DEADLINE):
                    result = await self._post(f"{instance.address}{target}", headers, body)
            except (OSError, trio.TooSlowError):
                continue
            if result.status != 503:
                return result
            refused = result
        if refused is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "no instance answers")
        return refused

    def _in_turn(self) -> Iterator[Backend]:
        """Those that are live, another one first each time; then, as a last resort, those that may be all the same."""
        instances = [each for each in self._instances() if each.running and not each.frozen]
        live = [each for each in instances if each.live]
        start = next(self._turn) % max(len(live), 1)
        yield from live[start:] + live[:start]
        yield from (each for each in instances if each not in live)
