"""The Bot API as one instance reaches it: the sandbox's, at a port of the instance's own."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass

import trio

from sandbox.api import Api, HttpResponse
from sandbox.http_server import HttpRequest, serve


@dataclass
class BotApiCall:
    """One call: its chat if it names one, and the Unix times of its request and of its answer."""

    method: str
    chat_id: int | None
    begun: float
    ended: float = math.inf


class ObservedBotApi:
    """Passes calls on to the sandbox and writes them down in `calls`, in the order in which they came.

    But for getMe: it changes nothing, and an instance may ask it in every state.
    """

    def __init__(self, api: Api) -> None:
        self.calls: list[BotApiCall] = []
        self._api = api

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; starts with the address."""
        async with trio.open_nursery() as nursery:
            port: int = await nursery.start(serve, self._handle, 0)
            task_status.started(f"http://127.0.0.1:{port}")

    async def _handle(self, request: HttpRequest) -> HttpResponse:
        chat_id = json.loads(request.body or b"{}").get("chat_id")
        call = BotApiCall(request.target.rpartition("/")[2], chat_id, time.time())
        if call.method != "getMe":
            self.calls.append(call)
        try:
            return await self._api.handle(request.target, request.content_type, request.body)
        finally:
            call.ended = time.time()
