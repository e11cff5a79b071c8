"""One call on its way: its request, how much of that has been written, and what a failure therefore means.

How sure a failure is follows from one observation: whether the transport has asked for what comes after the request's
last byte. It does so only when that byte's write has returned. If not, the server has at most a part of the request,
which nobody acts on: not sent, unless it refuses. If so: in doubt. (A cancelled write has not written all: Trio's
`send_all` is not cancelled once the last byte is out.)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

from telegram_client.errors import InDoubt, NotSent, TelegramError
from telegram_client.uploads import Form, nobody_asks


class JsonBody(httpx.AsyncByteStream):
    """A body of one piece. `leaving` is called right before that piece is written, and may raise; `written` once
    whoever has taken it asks for more.
    """

    __slots__ = ("_taken", "data", "leaving", "written")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.leaving: Callable[[], None] = nobody_asks
        self.written: Callable[[], None] = nobody_asks
        self._taken = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._taken:
            self.written()
            raise StopAsyncIteration
        self.leaving()
        self._taken = True
        return self.data


class Withheld(Exception):
    """The request may not leave any more: nothing of its body has been written."""


class Request(httpx.Request):
    """A request that any transport may read either way, and whose repr does not show the address."""

    def __repr__(self) -> str:
        return f"<Request({self.method!r})>"

    @property
    def content(self) -> bytes:
        """The body at once, for transports without a network: who has it may have acted on it."""
        if not isinstance(self.stream, JsonBody):
            return super().content
        self.stream.leaving()
        self.stream.written()
        return self.stream.data


class Exchange:
    """One call: its parameters, whether its request has been `all_written`, and the `failure` it has met, if any.

    `timeout` is the whole call's, in seconds. `all_written` means that the server may act on it; `on_written` is called
    at that moment.
    """

    __slots__ = ("all_written", "chat_id", "failure", "method", "on_written", "params", "timeout")

    def __init__(self, method: str, params: Mapping[str, Any], timeout: float) -> None:
        self.method = method
        self.params = params
        self.timeout = timeout
        chat_id = params.get("chat_id")
        self.chat_id = chat_id if isinstance(chat_id, int) else None
        self.all_written = False
        self.on_written: Callable[[], None] = nobody_asks
        self.failure: TelegramError | None = None

    def watch(self, body: JsonBody | Form, may_send: Callable[[], bool]) -> None:
        """`body` is the one that is written: ask before whether it may be, and notice when all of it is."""

        def leaving() -> None:
            if not may_send():
                raise Withheld

        body.leaving = leaving
        body.written = self._written

    def _written(self) -> None:
        if not self.all_written:
            self.all_written = True
            self.on_written()

    def not_sent(self, description: str, **more: Any) -> NotSent:
        """The error of a call that certainly had no effect."""
        return NotSent(self.method, description, chat_id=self.chat_id, **more)

    def inconclusive(self, description: str, **more: Any) -> TelegramError:
        """The error where no answer says what became of the call: how far the request got decides."""
        return (InDoubt if self.all_written else NotSent)(self.method, description, chat_id=self.chat_id, **more)
