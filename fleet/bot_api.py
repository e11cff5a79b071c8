"""The Bot API as one instance reaches it: the sandbox's, at a port of the instance's own, over a link that can fail."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import trio

from sandbox.api import Api, ConnectionCut, HttpResponse
from sandbox.http_server import HttpRequest, serve

BeforeCall = Callable[[str, int | None], object]
"""Told the method and the chat of a call right before the sandbox performs it."""


@dataclass
class BotApiCall:
    """One call: its chat if it names one, and the Unix times of its request and of its answer."""

    method: str
    chat_id: int | None
    begun: float
    ended: float = math.inf


class BotApiLink:
    """Passes calls on to the sandbox, and tells `observe` of each as it comes.

    But for getMe: it changes nothing, and an instance may ask it in every state.

    `latency` is how long a call takes, in seconds: half of it each way. What has wholly arrived is carried out,
    whatever becomes of whoever asked.
    """

    def __init__(
        self,
        api: Api,
        observe: Callable[[BotApiCall], object],
        *,
        latency: float = 0.0,
        before_call: BeforeCall | None = None,
    ) -> None:
        self._api = api
        self._observe = observe
        self._one_way = latency / 2
        self._before_call = before_call
        self._serving = trio.CancelScope()
        self._welcome = _set_event()
        self._flowing = _set_event()

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; starts with the address."""
        port = 0
        while True:
            with trio.CancelScope() as self._serving:
                async with trio.open_nursery() as nursery:
                    first, port = not port, await nursery.start(serve, self._handle, port)
                    if first:
                        task_status.started(f"http://127.0.0.1:{port}")
            await self._welcome.wait()

    def cut(self) -> None:
        """Close every connection; new ones are welcome."""
        self._serving.cancel(reason="the link is cut")

    def refuse(self) -> None:
        """Close every connection, and refuse new ones."""
        if self._welcome.is_set():
            self._welcome = trio.Event()
        self.cut()

    def stall(self) -> None:
        """Let nothing through: answers come when the link heals, and what is asked meanwhile is lost.

        TCP would deliver what is asked as well, however late. Nobody can find out about that in time.
        """
        if self._flowing.is_set():
            self._flowing = trio.Event()

    def heal(self) -> None:
        """Pass everything on again."""
        self._welcome.set()
        self._flowing.set()

    async def _handle(self, request: HttpRequest) -> HttpResponse:
        chat_id = _chat_of(request)
        call = BotApiCall(request.target.rpartition("/")[2], chat_id, time.time())
        if call.method != "getMe":
            self._observe(call)
        try:
            return await self._pass_on(request, call)
        finally:
            call.ended = time.time()

    async def _pass_on(self, request: HttpRequest, call: BotApiCall) -> HttpResponse:
        if not self._flowing.is_set():
            await self._flowing.wait()
            raise ConnectionCut
        await trio.sleep(self._one_way)
        if self._before_call is not None:
            self._before_call(call.method, call.chat_id)
        answer = await self._api.handle(request.target, request.content_type, request.body)
        await trio.sleep(self._one_way)
        await self._flowing.wait()
        return answer


class ObservedBotApi(BotApiLink):
    """A link that writes calls down in `calls`, in the order in which they came."""

    def __init__(self, api: Api, *, latency: float = 0.0, before_call: BeforeCall | None = None) -> None:
        self.calls: list[BotApiCall] = []
        super().__init__(api, self.calls.append, latency=latency, before_call=before_call)


def _chat_of(request: HttpRequest) -> int | None:
    """The chat that a call names; None also for an upload, which is no JSON."""
    if not request.content_type.startswith("application/json"):
        return None
    chat_id: int | None = json.loads(request.body or b"{}").get("chat_id")
    return chat_id


def _set_event() -> trio.Event:
    event = trio.Event()
    event.set()
    return event
