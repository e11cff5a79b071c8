"""The stand-in as a whole: the account's tasks, their faults and callbacks and, if wanted, its HTTP server."""

from __future__ import annotations

import random
from contextlib import closing

import trio

from sandbox.api import HttpResponse
from sandbox.clock import Clock, TrioWallClock
from sandbox.http_client import HttpPoster
from sandbox.http_server import HttpRequest, serve
from sandbox.kie.api import Api
from sandbox.kie.callbacks import Callbacks
from sandbox.kie.control import Control
from sandbox.kie.faults import Faults
from sandbox.kie.files import Files
from sandbox.kie.tasks import Durations, Tasks
from sandbox.transport import InProcessTransport
from sandbox.webhooks import Post

DEMO_KEY = "demo-kie-key"
BASE_URL = "http://kie.sandbox"
"""In front of its files' paths as long as it is not served."""


class KieSandbox:
    """A kie of one's own. `run` serves it on loopback; `run_callbacks` and `transport` do without sockets.

    `key` is the account's, `webhook_key` signs callbacks, `seed` makes ids and shares of faults repeatable, `now` is
    Unix time (default: Trio's clock from the true time on). Serves both of kie's hosts, that of uploads as well.
    """

    def __init__(
        self,
        key: str = DEMO_KEY,
        *,
        webhook_key: str | None = None,
        seed: int = 0,
        now: Clock | None = None,
        durations: Durations | None = None,
    ) -> None:
        self.faults = Faults(random.Random(seed))
        self.tasks = Tasks(now or TrioWallClock(), random.Random(seed))
        self.tasks.durations = durations or Durations()
        self.files = Files(self.tasks, BASE_URL)
        self._callbacks = Callbacks(self.tasks, lambda: self.files.base_url, webhook_key)
        self.api = Api(key, self.tasks, self.files, self.faults, self._callbacks)
        self._control = Control(self.tasks, self.faults)

    def transport(self, *, latency: float = 0.0) -> InProcessTransport:
        """An httpx transport into this stand-in; `latency` is the seconds of each leg."""
        return InProcessTransport(self.handle, latency=latency)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request. Raises ConnectionCut."""
        if request.target.startswith("/control/"):
            return self._control.handle(request)
        return await self.api.handle(request)

    async def run(
        self,
        *,
        port: int = 0,
        post: Post | None = None,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve and send callbacks, until cancelled. Starts with the base URL; `port` 0 picks a free one.

        Raises OSError if the port is taken. `post` replaces the sockets that callbacks are sent over.
        """
        with closing(HttpPoster()) as poster:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.run_callbacks, post or poster.post)
                bound = await nursery.start(serve, self.handle, port)
                self.files.base_url = f"http://127.0.0.1:{bound}"
                task_status.started(self.files.base_url)

    async def run_callbacks(self, post: Post, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send callbacks through `post` until cancelled."""
        await self._callbacks.run(post, task_status=task_status)
