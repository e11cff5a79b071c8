"""The sandbox as a whole: one Telegram with its faults, its webhook sender and, if wanted, its HTTP server."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing

import trio

from sandbox.api import Api, HttpResponse, HttpStream
from sandbox.call_log import MAX_CALLS
from sandbox.clock import Clock
from sandbox.control import Control
from sandbox.control.guard import refusal_of_browser
from sandbox.control.reading import error_answer
from sandbox.faults import Faults
from sandbox.fetching import Fetch, HttpFetcher
from sandbox.http_client import HttpPoster
from sandbox.http_server import HttpRequest, serve
from sandbox.late import LateCalls
from sandbox.state import MAX_SENT
from sandbox.telegram import DEMO_TOKEN, Telegram
from sandbox.transport import InProcessTransport
from sandbox.webhooks import Post, WebhookSender


class Sandbox:
    """A Telegram of one's own. `run` serves it on loopback; `run_sender` and `transport` do without sockets.

    With `transport` alone, calls that a fault has made late are carried out while `late.run` runs.

    `tokens` register bots, `seed` makes ids and random pauses repeatable, `now` is Unix time (default: Trio's clock
    from the true time on; `TrioWallClock(start)` for a fixed start). `strict_webhooks` demands https and the public
    server's ports. `duplicate_rate` is the share (0 to 1) of a webhook's 2xx answers that get lost, so that their
    updates come twice. `fetch` gets the files behind URLs; without it they are got by HTTP, and from loopback only.
    `kept_calls` and `kept_sent` are how many calls and sent messages it remembers at most: a call that sends a large
    keyboard takes 6 KB.
    """

    def __init__(
        self,
        tokens: Sequence[str] = (DEMO_TOKEN,),
        *,
        seed: int = 0,
        now: Clock | None = None,
        strict_webhooks: bool = False,
        duplicate_rate: float = 0.0,
        fetch: Fetch | None = None,
        kept_calls: int = MAX_CALLS,
        kept_sent: int = MAX_SENT,
    ) -> None:
        self.telegram = Telegram(
            tokens, seed=seed, now=now, strict_webhooks=strict_webhooks, kept_calls=kept_calls, kept_sent=kept_sent
        )
        self.faults = Faults()
        self.late = LateCalls()
        self.api = Api(self.telegram, self.faults, self.late, fetch or HttpFetcher())
        self.sender = WebhookSender(
            self.telegram, random.Random(seed), self.api.carry_out_unasked, duplicate_rate=duplicate_rate
        )
        self._control = Control(self.telegram, self.faults)

    def transport(self, *, latency: float = 0.0) -> InProcessTransport:
        """An httpx transport into this sandbox; `latency` is the seconds of each leg."""
        return InProcessTransport(self._call, latency=latency)

    async def run(
        self,
        *,
        port: int = 0,
        post: Post | None = None,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve the Bot API and the control surface and deliver webhooks, until cancelled.

        Starts with the base URL, `http://127.0.0.1:<port>`; `port` 0 picks a free one. Raises OSError if the port is
        taken. `post` replaces the sockets that webhooks are sent over.
        """
        with closing(HttpPoster()) as poster:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.run_sender, post or poster.post)
                bound = await nursery.start(serve, self.handle, port)
                task_status.started(f"http://127.0.0.1:{bound}")

    async def handle(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Answer one request: the Bot API, the control surface, the page. Raises ConnectionCut."""
        if request.target.startswith(("/bot", "/file/")):
            # The token of the demo is known to everybody.
            why = refusal_of_browser(request)
            return error_answer(403, why) if why else await self._call(request)
        return self._control.handle(request)

    async def run_sender(self, post: Post, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver webhooks through `post` and carry out what is late, until cancelled."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.late.run)
            await nursery.start(self.sender.run, post)
            task_status.started()

    async def _call(self, request: HttpRequest) -> HttpResponse:
        """Answer one request to the Bot API. Raises ConnectionCut."""
        return await self.api.handle(request.target, request.content_type, request.body)
